"""The parts of `docs/build.py`: Markdown and lessons come in, checked HTML pages go out."""

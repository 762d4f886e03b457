"""Which files of the package are looked at for examples: those of a framework only where it is installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["src/lossmith/adapt/in_torch/*", "src/lossmith/emit/torch_prelude.py"]

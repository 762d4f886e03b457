"""`python -m lossmith`: the command line where its script is not on the path."""

from lossmith.cli import main

if __name__ == "__main__":
    main()

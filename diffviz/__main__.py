"""`python -m diffviz` is the command `diffviz`."""

from diffviz.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

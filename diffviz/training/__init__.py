"""Everything that makes the shipped assets; each module runs as `python -m diffviz.training.NAME`."""

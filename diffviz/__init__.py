"""diffviz: diffusion models, seen at work.

import diffviz
run = diffviz.generate("cat face", style="noto", seed=0, steps=30)
run.image, run.x, run.x0, run.eps
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffviz.editing import inpaint as inpaint
    from diffviz.editing import redraw as redraw
    from diffviz.generation import generate as generate

_WHERE = {"generate": "generation", "redraw": "editing", "inpaint": "editing"}
__all__ = ["generate", "inpaint", "redraw"]


def __getattr__(name: str) -> object:
    # Torch takes seconds to import: it is loaded when a picture is asked for, not with the package.
    if name in _WHERE:
        return getattr(importlib.import_module(f"diffviz.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'diffviz' has no attribute {name!r}")

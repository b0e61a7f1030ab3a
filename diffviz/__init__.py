"""diffviz: diffusion models, seen at work.

import diffviz
run = diffviz.generate("cat face", style="noto", seed=0, steps=30)
run.image, run.x, run.x0, run.eps
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffviz.pipelines.editing import img2img as img2img
    from diffviz.pipelines.editing import inpaint as inpaint
    from diffviz.pipelines.text_to_image import generate as generate

__version__ = "0.1.0"

_WHERE = {
    "generate": "pipelines.text_to_image",
    "img2img": "pipelines.editing",
    "inpaint": "pipelines.editing",
}
__all__ = ["__version__", "generate", "img2img", "inpaint"]


def __getattr__(name: str) -> object:
    # Torch takes seconds to import: it is loaded when an image is asked for, not with the package.
    if name in _WHERE:
        return getattr(importlib.import_module(f"diffviz.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'diffviz' has no attribute {name!r}")

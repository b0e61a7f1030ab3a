"""diffviz: diffusion models, seen at work.

import diffviz
run = diffviz.generate("cat face", style="noto", seed=0, steps=30)
run.image, run.x, run.x0, run.eps
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffviz.generation import generate as generate

__all__ = ["generate"]


def __getattr__(name: str) -> object:
    # Torch takes seconds to import: it is loaded when a picture is asked for, not with the package.
    if name == "generate":
        from diffviz.generation import generate

        return generate
    raise AttributeError(f"module 'diffviz' has no attribute {name!r}")

"""How things are called on the pages; the keys are the names of the library."""

from __future__ import annotations

SAMPLER_TITLES = {
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "euler": "Euler",
    "heun": "Heun",
    "dpmpp_2m": "DPM-Solver++",
    "unipc": "UniPC",
}

"""Terms of the glossary in a running text: a word that opens its sentence, by mouse, key or tap."""

from __future__ import annotations

import html
from functools import cache, lru_cache

from diffviz.lessons import glossary
from diffviz.lessons.glossary import Entry


@lru_cache(64)  # leads of pages and other fixed texts
def with_tips(text: str) -> str:
    """Our own HTML with the first mention of each term as a button that opens its sentence from the glossary.

    The browser's popover needs no script: it opens by click, tap, Enter and Space, and closes by Escape or a click
    elsewhere. At most once a page, since the ids of the popovers are those of the terms.
    """
    return glossary.annotate(text, _tip)


# Symbols of captions and tables: the term of the glossary that says what each is, or a sentence of its own.
_SYMBOLS = {
    "xₜ": "noisy-image",
    "x̂₀": "x0-prediction",
    "SNR": "snr",
    "RMSE": "rmse",
    "NFE": "nfe",
    "KID": "kid",
    "FID": "fid",
}
_OWN_SYMBOLS = {
    "ε̂": "The network's estimate of the noise in xₜ. Given xₜ, it follows from x̂₀ and x̂₀ from it.",
    "zₜ": "The noisy latents at timestep t: what xₜ is for an image, in the numbers of the autoencoder.",
    "ẑ₀": "The network's estimate of the clean latents in zₜ.",
    "PSNR": "Peak signal-to-noise ratio, in decibels: 20·log10 of the values' range over their RMSE. Higher is nearer.",
}


@cache
def symbols() -> dict[str, str]:
    """What each symbol is that explains itself at a tap (`ui.components.symbols`)."""
    return {name: glossary.entries()[key].text for name, key in _SYMBOLS.items()} | _OWN_SYMBOLS


def symbols_line(*names: str) -> str:
    """HTML of a line under a table that is drawn as an image and so cannot explain its heads: its symbols."""
    return f'<p class="dv-symbols">Symbols: {" · ".join(map(html.escape, names))}</p>'


def _tip(words: str, entry: Entry) -> str:
    key, term, text = f"dv-tip-{entry.id}", html.escape(entry.term), html.escape(entry.text)
    return (
        f'<button type="button" class="dv-term" popovertarget="{key}" title="{text}">{words}</button>'
        f'<span popover id="{key}" class="dv-tip" role="note"><b>{term}.</b> {text}</span>'
    )


CSS = """
.dv-term { all: unset; cursor: help; text-decoration: underline dotted; text-underline-offset: .2em; }
.dv-term:hover { text-decoration-style: solid; }
.dv-tip { position-area: bottom span-right; position-try-fallbacks: flip-block, bottom span-left, bottom; inset: auto;
  margin: .35rem 0; padding: .6rem .8rem; max-width: min(24rem, 92vw); font-size: 1rem; font-weight: 400; line-height: 1.45;
  color: var(--dv-text); background: var(--dv-ground); border: 1px solid var(--dv-line-strong); border-radius: .5rem;
  box-shadow: 0 4px 18px rgb(0 0 0 / .22); }
"""

"""Slides of a class plan: one HTML file that needs nothing else, made of the plan's own text and of real runs.

Arrow keys, Page Up and Page Down (what a clicker sends), the space bar and a tap turn it; N shows the teacher's notes.
Printed, each slide is a page. Without its few lines of script it is a document with all slides one under another.
"""

from __future__ import annotations

import html
from functools import lru_cache

from diffviz.export import plan_texts
from diffviz.export.selection import EVERYTHING, Selection
from diffviz.imaging.encoding import data_url
from diffviz.lessons.content import Demo, Phase, Plan
from diffviz.paths import PACKAGE

MODEL = "emoji64"  # that of the pages
EVALUATIONS = 500  # that a deck takes, about, whose figures nobody has asked for yet
_FOLDER = PACKAGE / "export" / "slide_files"


def name(plan: Plan) -> str:
    """The name of a plan's file."""
    return f"diffviz-slides-{plan.id.removeprefix('plan-')}.html"


def deck(plan: Plan, selection: Selection = EVERYTHING, model: str = MODEL) -> str:
    """The slides: a title with the phases, then of each phase its question, its figure, and its answer.

    So a class predicts before it sees. The figure is that of the phase's first demo that has one; the answer stands under
    the misconception that is to be heard. Demos are links where
    `selection` has the address of the app. Computing the figures takes some seconds, the first time.
    """
    slides = [_title(plan)]
    for at, phase in zip(plan.begins(), plan.phases, strict=True):
        slides.append(_question(at, phase, selection))
        figure = _figure(phase, model)
        if figure:
            slides.append(f"<h2>{html.escape(phase.title)}</h2>{figure}")
        slides.append(_answer(phase))
    numbered = "".join(
        f'<section id="s{n}" aria-label="Slide {n} of {len(slides)}">{slide}<footer>{html.escape(plan.title)} · {n} of '
        f"{len(slides)}</footer></section>"
        for n, slide in enumerate(slides, 1)
    )
    style, script = ((_FOLDER / f"slides.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(plan.title)}</title><style>{style}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{numbered}</main><script>{script}</script></body>'
        "</html>\n"
    )


def _title(plan: Plan) -> str:
    agenda = "".join(
        f"<li><span>{plan_texts.clock(at)}</span> {html.escape(phase.title)}</li>"
        for at, phase in zip(plan.begins(), plan.phases, strict=True)
    )
    return (
        f"<h1>{html.escape(plan.title)}</h1><ol>{agenda}</ol>"
        f'<p class="hint">Arrow keys or a tap turn the slides, N shows the notes.</p>'
        f"{_notes(plan_texts.about(plan))}"
    )


def _question(at: int, phase: Phase, selection: Selection) -> str:
    demos = " · ".join(_demo(demo, selection) for demo in phase.demos)
    return (
        f"<h2><span>{plan_texts.clock(at)}</span> {html.escape(phase.title)}</h2>"
        f'<p class="ask">{html.escape(phase.ask)}</p><p class="demos">{demos}</p>{_notes(plan_texts.notes(phase))}'
    )


def _answer(phase: Phase) -> str:
    said, answer = html.escape(phase.misconception), html.escape(phase.answer)
    reply = _notes((("Reply", phase.reply),))
    return f'<h2>{html.escape(phase.title)}</h2><p class="said">“{said}”</p><p class="answer">{answer}</p>{reply}'


def _figure(phase: Phase, model: str) -> str:
    shown = (_image(d.page, tuple(sorted(d.state.items())), model) for d in phase.demos)
    return next((image for image in shown if image), "")


# All demos of all plans are fewer: each figure is computed once in a process, whoever asks for it.
@lru_cache(maxsize=64)
def _image(page: str, state: tuple[tuple[str, str], ...], model: str) -> str:
    """The figure of a demo as HTML, or "" where it has none."""
    from diffviz.export import figures  # needs torch, which the page for teachers need not wait for

    found = figures.figure(page, dict(state), model)
    if found is None:
        return ""
    source, alt = data_url(found.png), html.escape(found.alt)
    image = f'<img src="{source}" width="{found.width}" height="{found.height}" alt="{alt}">'
    ratio = f"--ratio: {found.width / found.height:.3f}"
    return f'<figure style="{ratio}">{image}<figcaption>{html.escape(found.caption)}</figcaption></figure>'


def _demo(demo: Demo, selection: Selection) -> str:
    address = selection.link(demo)
    label = html.escape(demo.label)
    return f'<a href="{html.escape(address)}">{label}</a>' if address else f"Demo: {label}"


def _notes(texts: tuple[tuple[str, str], ...]) -> str:
    lines = "".join(f"<p><b>{html.escape(head)}.</b> {html.escape(text)}</p>" for head, text in texts)
    return f"<aside>{lines}</aside>"

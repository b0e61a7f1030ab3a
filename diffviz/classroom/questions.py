"""Questions of the collection as they are put to a class."""

from __future__ import annotations

from collections.abc import Sequence

from diffviz.classroom.activities import Choice, Draft, Measured
from diffviz.lessons import content, grading
from diffviz.lessons.content import Item

# The kinds that can be asked of a class, as the host's menu names them; a live one is computed first.
KINDS = {
    "page_quiz": "Quiz of the lessons",
    "scenario_quiz": "Quiz with a scene",
    "predictions": "Prediction before a demo",
    "order": "Put in order",
    "self_check": "Free answer",
    "interview": "Interview question",
}
LIVE = "live"


def of_item(item: Item, seed: int) -> Draft:
    """The question of an item; options, and stages to be ordered, are shuffled by the seed.

    Raises TypeError for a kind that is not among KINDS.
    """
    if isinstance(item, content.Choice):
        options = [item.options[k] for k in grading.shuffled(len(item.options), seed)]
        return Draft(
            "choice",
            item.prompt,
            item.setting,
            tuple(Choice(o.text, o.why, o.misconception) for o in options),
            next(i for i, o in enumerate(options) if o.right),
            source=item.id,
            demo=item.demo,
        )
    if isinstance(item, content.Ordering):
        order = grading.scrambled(len(item.stages), seed)
        stages = [item.stages[k] for k in order]
        return Draft(
            "order",
            item.prompt,
            options=tuple(Choice(s.text, s.why) for s in stages),
            right=[order.index(k) for k in range(len(order))],
            explanation=item.explanation,
            source=item.id,
            demo=item.demo,
        )
    if isinstance(item, content.SelfCheck | content.Prediction):
        return Draft(
            "text",
            item.prompt,
            explanation=item.answer,
            points=item.key_points,
            source=item.id,
            demo=item.demo,
        )
    if isinstance(item, content.Interview):
        return Draft("text", item.prompt, explanation=item.answer, source=item.id, demo=item.demo)
    raise TypeError(f"{type(item).__name__} cannot be put to a class")


def compare(
    prompt: str,
    options: Sequence[str],
    sets: int,
    setting: str = "",
    demo: content.Demo | None = None,
    measured: Measured | None = None,
) -> Draft:
    """Pairs of images to be compared blindly: `sets` sets of one image of each option, in the order of the options."""
    number = sets * len(options)
    return Draft(
        "pairs",
        prompt,
        setting,
        tuple(Choice(option) for option in options),
        demo=demo,
        titles=tuple(f"Image {k + 1}" for k in range(number)),
        notes=tuple(options[k % len(options)] for k in range(number)),
        measured=measured,
    )


def tell_apart(
    prompt: str,
    levels: Sequence[int],
    last: int,
    unit: str,
    sets: Sequence[str],
    setting: str,
    demo: content.Demo,
) -> Draft:
    """Images of rising levels to be told from that of the last one, blindly; `sets` names each set of images."""
    options = [f"{level} {unit if level != 1 else unit.removesuffix('s')}" for level in (*levels, last)]
    return Draft(
        "tell",
        prompt,
        setting,
        tuple(Choice(option) for option in options),
        demo=demo,
        titles=tuple(name for name in sets for _ in options),
        notes=tuple(options) * len(sets),
        levels=tuple(map(float, levels)),
    )


def of_live(
    item: content.Live,
    options: Sequence[str],
    reasons: Sequence[str],
    right: int,
    titles: Sequence[str],
    notes: Sequence[str],
) -> Draft:
    """A live question, of what its run gave: options with a reason each, the right one, and what the images are."""
    return Draft(
        "choice",
        item.prompt,
        item.setting,
        tuple(Choice(text, why) for text, why in zip(options, reasons, strict=True)),
        right,
        explanation=item.explanation,
        source=item.id,
        demo=item.demo,
        titles=tuple(titles),
        notes=tuple(notes),
    )

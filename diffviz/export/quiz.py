"""The questions as the exporters take them: options and stages in a fixed order, texts as HTML."""

from __future__ import annotations

import html
import zlib
from collections.abc import Iterable, Sequence

from diffviz.export.selection import Selection
from diffviz.lessons import content, grading
from diffviz.lessons.content import (
    Choice,
    Flashcard,
    Interview,
    Item,
    Option,
    Ordering,
    Prediction,
    SelfCheck,
    Stage,
)

LETTERS = "abcdef"
TITLE = "Diffusion models"


def options(item: Choice) -> list[Option]:
    """The options in an order that follows from the question's id: the same in every file and selection."""
    order = grading.shuffled(len(item.options), zlib.crc32(item.id.encode()))
    return [item.options[k] for k in order]


def stages(item: Ordering) -> list[Stage]:
    """The stages by their letters, which is the order in which they are shown; the item has them in the right one."""
    return sorted(item.stages, key=lambda stage: stage.letter)


def by_concept(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The items under the concepts that they are filed under."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.concept, []).append(item)
    return found


def prompt(item: Item) -> str:
    """What is asked, without the scene that a multiple-choice question is set in."""
    if isinstance(item, Flashcard):
        return item.front
    if isinstance(item, SelfCheck | Ordering | Prediction | Choice | Interview):
        return item.prompt
    raise TypeError(f"{item.id} asks nothing on paper")


def right(item: Choice) -> Option:
    return next(option for option in item.options if option.right)


def right_answer(item: Choice) -> list[str]:
    """The right option and why it is right: a paragraph each."""
    return [f"Right answer: {right(item).text}", right(item).why]


def reasons(option: Option) -> list[str]:
    """Why an option is right or wrong, and the misconception behind a wrong one: a paragraph each."""
    if not option.misconception:
        return [option.why]
    belief = content.misconceptions()[option.misconception].belief
    return [option.why, f"The misconception behind it: {belief}"]


# --- as HTML -----------------------------------------------------------------------------------------------


def paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def bullets(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in texts) + "</ul>"


def question_html(item: Item) -> str:
    """What is asked; the scene of a multiple-choice question is a paragraph of its own."""
    scene = f"<p><em>{html.escape(item.setting)}</em></p>" if isinstance(item, Choice) else ""
    return scene + paragraphs([prompt(item)])


def answer_html(item: Item) -> str:
    """The right or a model answer. Raises TypeError for an item that has none."""
    if isinstance(item, Flashcard):
        return paragraphs([item.back])
    if isinstance(item, SelfCheck | Prediction):
        return paragraphs([item.answer, "A full answer says:"]) + bullets(item.key_points)
    if isinstance(item, Interview):
        return paragraphs([item.answer])
    if isinstance(item, Ordering):
        order = ", ".join(stage.letter for stage in item.stages)
        return paragraphs([f"The right order: {order}.", item.explanation])
    if isinstance(item, Choice):
        return paragraphs(right_answer(item))
    raise TypeError(f"{item.id} has no answer to print")


def demo_html(item: Item, selection: Selection) -> str:
    """A link to the demo that shows the answer, where it has one and the app's address is known."""
    if item.demo is None or not selection.app_url:
        return ""
    address = html.escape(selection.link(item.demo))
    return f'<p>See it live: <a href="{address}">{html.escape(item.demo.label)}</a></p>'

"""Canvas and other QTI 1.2 readers: a zip made by text2qti, with feedback for each option."""

from __future__ import annotations

import re

from text2qti.config import Config
from text2qti.qti import QTI
from text2qti.quiz import Quiz

from diffviz.export import quiz

NAME = "diffviz-quiz.zip"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~^])")


def plain(text: str) -> str:
    """A line of text in which nothing is Markdown or LaTeX."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def source() -> str:
    """The quiz in text2qti's own format."""
    lines = [
        "Quiz title: Diffusion models",
        "Quiz description: Questions of diffviz, with a reason for each option.",
        "shuffle answers: true",
        "",
    ]
    for number, item in enumerate(quiz.questions(), 1):
        lines += [f"Title: {item.id}", "Points: 1", f"{number}. {plain(f'{item.setting}. {item.prompt}')}"]
        for letter, option in zip(quiz.LETTERS, quiz.options(item, number), strict=False):
            lines.append(f"{'*' if option.right else ''}{letter}) {plain(option.text)}")
            lines.append(f"... {plain(option.why)}")
        lines.append("")
    return "\n".join(lines)


def files() -> dict[str, bytes]:
    """The zip: {name: bytes}."""
    return {NAME: QTI(Quiz(source(), config=Config(), source_name="diffviz")).zip_bytes()}

"""Words that the field has a term for: what stood here once stays away from texts, comments, identifiers and file names.

A word that is right in one place is named in `LEGITIMATE` with the reason.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT

from diffviz.lessons import pages
from diffviz.ui import terms

# Pattern, in any case: what to say instead.
OLD_WORDS = {
    r"(?<!TV )\bstatic\b": "Gaussian noise",
    r"\bbur(y|ies|ied)\b|\b(dig|digs|dug|dig it) out\b": "add noise, denoise; image-to-image (SDEdit), strength",
    r"\b(its|the network's|network) guess(es)?\b": "prediction, estimate (x̂₀, ε̂)",
    r"\bask(s|ed)? (it |the network )?twice\b|\bask(s|ed|ing)? the network\b": "evaluate; NFE",
    r"\bnetwork calls?\b|\bin one call\b": "network function evaluations (NFE)",
    r"\bwith(out)? the words\b": "conditional, unconditional; with and without the prompt",
    r"\bpush(es|ed|ing)?\b": "guidance, guidance scale w; classifier guidance",
    r"\btwo answers\b": "conditional and unconditional prediction",
    r"\bwords to (be )?avoid(ed)?\b": "negative prompt",
    r"\bword by word\b|\bwhere each is looked at\b": "prompt ablation; cross-attention maps",
    r"\bfill(s|ed|ing)? (a|the) hole\b|\bdraw anew\b": "inpainting, mask, RePaint resampling",
    r"\bpractice problems?\b": "training example, target",
    r"\bsaying nothing\b|\banswer of zeros\b": "the zero baseline",
    r"\bit is to say\b": "prediction target (ε, x₀, v)",
    r"\bdice\b|\bcodes? (is|are) rolled\b": "random noise, samples; stochastic, deterministic",
    r"\bstraight ways?\b|\bother ways\b": "trajectories, paths; straight trajectories (rectified flow)",
    r"\bpupils?\b": "student",
    r"\bcritic\b|\ba contest\b": "discriminator, adversarial training",
    r"\bbell of\b": "a Gaussian posterior over latents",
    r"(?<!{)\bpictures?\b(?! agency|\.json)": "image",
    r"\b(training|nearest|near) drawings?\b": "training images, nearest neighbours",
    r"\bthe judge\b|\bjudge's\b": "the classifier",
    r"\btaking it away\b|\btelling it what\b|\bwhat it learns\b|\bdoes it copy\b": "the page's title in the menu",
    r"\blast word\b|\bfront door\b|\bof its day\b|\bthought over\b|\bdisturb nobody\b": "what is meant, plainly",
}
# Functions, classes and files that have the field's names now.
OLD_NAMES = {
    "absorb", "begin", "both_answers", "bury", "by_judge", "certainty", "detour", "faintest", "filling", "finals",
    "go_on", "graded", "in_one_batch", "judge", "judgeview", "likeness", "maker", "one_word_less", "per_image", "pupil",
    "redraw", "redrawing", "run_steps", "seam", "seeded", "settled", "share_nearer", "standing", "straight_on",
    "straightened", "suspicious", "time_of", "toned", "trails", "wake", "walk", "walks", "within", "words_of",
}  # fmt: skip
OLD_FILES = {
    "again", "captions", "compare", "copies", "curve_view", "curves", "draw_ladders", "draw_neighbours", "experiments",
    "generation", "judge_view", "judged", "kinds", "learn", "neighbours", "now", "on_the_pages", "plots", "points_view",
    "practise", "relatives", "relatives_view", "review", "steering", "targets", "tell_view", "words_view", "work_quiz",
}  # fmt: skip
# (file, word): why it stays.
LEGITIMATE = {
    ("diffviz/training/build_card_pictures.py", "pictures"): "a table of this name, in the text",
    ("diffviz/ui/lessons/training.py", "picture"): "the former title of an option, which old links name",
    ("diffviz/paths.py", "static"): "the folder that Streamlit serves",
    ("diffviz/training/build_dataset.py", "static"): "the folder that Streamlit serves",
    ("diffviz/training/build_opening.py", "static"): "the folder that Streamlit serves",
    ("diffviz/ui/opening.py", "static"): "the folder that Streamlit serves",
    ("diffviz/ui/opening.py", "picture"): "HTML's element of this name",
    ("assets/lessons/objectives.toml", "other ways"): "ways to learn, which the paper compares",
    ("assets/lessons/page_quiz.toml", "pushed"): "what a discriminator does to samples, in a wrong answer",
    (
        "assets/lessons/page_quiz.toml",
        "with the words",
    ): "the words of a caption, not the conditional prediction",
}

PYTHON = [
    *(ROOT / "app.py", ROOT / "home.py"),
    *sorted((ROOT / "pages").glob("*.py")),
    *sorted((ROOT / "diffviz").rglob("*.py")),
    *sorted((ROOT / "bench").glob("*.py")),
]
LESSONS = sorted(
    p for p in (ROOT / "assets" / "lessons").glob("*.toml") if p.stem != "merged"
)  # that holds ids alone
# Keys of the lessons' files that are not read as prose: ids, links, and what people may type into the search.
NOT_PROSE = {"id", "state", "page", "misconception", "run", "concept", "aliases"}


def old_words(text: str) -> Iterator[tuple[str, str]]:
    """The old words in a text, each with what to say instead."""
    for pattern, say in OLD_WORDS.items():
        for hit in re.finditer(pattern, text, re.I):
            yield hit[0], say


def python_texts(path: Path) -> Iterator[tuple[str, str]]:
    """Strings that hold a space, docstrings and comments of a Python file, with their lines.

    Former titles of options are left out: they are addresses that must go on leading somewhere.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    former = {
        id(inner)
        for node in ast.walk(tree)
        if (isinstance(node, ast.keyword) and node.arg == "formerly")
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).upper().startswith("FORMER"))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in former:
            text = " ".join(node.value.split())
            if " " in text:
                yield str(node.lineno), text
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield str(token.start[0]), token.string


def toml_texts(record: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a TOML file's record, each with its key."""
    if isinstance(record, dict):
        for name, value in record.items():
            if name not in NOT_PROSE:
                yield from toml_texts(value, name)
    elif isinstance(record, list):
        for value in record:
            yield from toml_texts(value, key)
    elif isinstance(record, str):
        yield key, record


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def old_words_in(path: Path) -> list[str]:
    """What is to be said otherwise in a file, one line a word."""
    is_toml = path.suffix == ".toml"
    texts = toml_texts(tomllib.loads(path.read_text(encoding="utf-8"))) if is_toml else python_texts(path)
    return [
        f"{name_of(path)}, {where}: “{word}”, say: {say}"
        for where, text in texts
        for word, say in old_words(text)
        if (name_of(path), word.casefold()) not in LEGITIMATE
    ]


@pytest.mark.parametrize("path", [*PYTHON, *LESSONS], ids=name_of)
def test_texts_use_the_words_of_the_field(path):
    assert old_words_in(path) == []


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_files_functions_and_classes_have_the_names_of_the_field(path):
    stem = path.stem.partition("_")[2] if path.parent.name == "pages" else path.stem
    assert stem not in OLD_FILES
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assert not {name for name in defined if name.strip("_").casefold() in OLD_NAMES}


@pytest.mark.parametrize(
    "lesson",
    [p for p in pages.LESSONS if p.slug != "practice"],
    ids=lambda p: p.slug,
)
def test_the_lead_of_a_lesson_names_terms_that_the_glossary_explains(lesson):
    tree = ast.parse((ROOT / lesson.file).read_text(encoding="utf-8"))
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "frame.setup_page"
    ]
    assert 'class="dv-term"' in terms.with_tips(ast.literal_eval(calls[0].args[1]))


@pytest.mark.parametrize(("file", "word"), LEGITIMATE)
def test_an_exception_is_still_needed(file, word):
    path = ROOT / file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert re.search(word, text, re.I)


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("A picture buried in static", ["static", "buried", "picture"]),
        ("noise, like TV static", []),
        ("It asks twice", ["asks twice"]),
        ("the discriminator is critical", []),
        ("The words to avoid", ["words to avoid"]),
    ],
)
def test_an_old_word_is_found_whole_and_in_any_case(text, old):
    assert [word for word, _ in old_words(text)] == old


def test_former_titles_of_options_are_no_texts(tmp_path):
    file = tmp_path / "page.py"
    file.write_text(
        'FORMER_PARTS = {"Two answers": "cfg"}\nc.choice(formerly={"Fill a hole": "x"}, label="a b")\n# a note\n'
    )
    assert [text for _, text in python_texts(file)] == ["a b", "# a note"]

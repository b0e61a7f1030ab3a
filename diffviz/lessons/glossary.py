"""The glossary, the lessons' objectives and the papers they cite: `assets/lessons/{glossary,objectives,papers}.toml`.

A file that breaks a rule raises ContentError, which names the file, the entry and the rule.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from diffviz.lessons.content import ContentError, Demo, read_toml
from diffviz.paths import LESSONS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

FUZZY = 0.75  # least similarity (difflib's ratio) at which a misspelt query still finds a name
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "η": "eta", "θ": "theta", "λ": "lambda",
          "μ": "mu", "ρ": "rho", "σ": "sigma", "φ": "phi", "∅": "null"}  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A paper as it is cited; it has an arXiv id or a DOI."""

    id: str
    authors: str
    year: int
    title: str
    arxiv: str = ""
    doi: str = ""

    @property
    def cite(self) -> str:
        """Authors and year: "Ho et al. 2020"."""
        return f"{self.authors} {self.year}"

    @property
    def where(self) -> str:
        """The identifier, as it is written in a text."""
        return f"arXiv {self.arxiv}" if self.arxiv else f"doi {self.doi}"

    @property
    def url(self) -> str:
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else f"https://doi.org/{self.doi}"


@dataclass(frozen=True)
class Entry:
    """A term: what people type for it, what it means, and the page that shows it in which state ("" where none does)."""

    id: str
    term: str
    aliases: tuple[str, ...]
    text: str
    formula: str
    page: str
    state: Mapping[str, str]
    source: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its aliases."""
        return (self.term, *self.aliases)


@dataclass(frozen=True)
class Known:
    """Something to know before a lesson, and the lesson or the term of the glossary that says it, or neither."""

    text: str
    page: str = ""
    term: str = ""


@dataclass(frozen=True)
class Reading:
    """A paper, and what to read it for."""

    paper: str
    what: str


@dataclass(frozen=True)
class Lesson:
    """What a lesson is for: objectives ("You will be able to …"), what to know before, and papers."""

    page: str
    objectives: tuple[str, ...]
    know: tuple[Known, ...]
    read: tuple[Reading, ...]


# --- reading the files -------------------------------------------------------------------------------------


def _record(kind: type[T], raw: Mapping[str, Any], where: str) -> T:
    """`raw` as a record, lists as tuples. Raises ContentError where fields are missing, unknown or of another type."""
    wanted = {f.name: str(f.type).split("[")[0] for f in fields(kind)}
    types = {"str": str, "int": int, "tuple": list, "Mapping": dict}
    for name, value in raw.items():
        if name not in wanted:
            raise ContentError(f"{where}: unknown field {name}")
        if not isinstance(value, types[wanted[name]]):
            raise ContentError(f"{where}: {name} must be of type {wanted[name]}")
    try:
        return kind(**{k: tuple(cast(list[Any], v)) if isinstance(v, list) else v for k, v in raw.items()})
    except TypeError as error:
        raise ContentError(f"{where}: {error}") from error


@lru_cache
def papers(folder: Path = LESSONS) -> dict[str, Paper]:
    """Every paper by its id."""
    found: dict[str, Paper] = {}
    for key, raw in read_toml(folder / "papers.toml").items():
        found[key] = _record(Paper, {"id": key, **raw}, f"papers.toml, {key}")
        if bool(found[key].arxiv) == bool(found[key].doi):
            raise ContentError(f"papers.toml, {key}: either an arXiv id or a DOI is needed")
    return found


@lru_cache
def entries(folder: Path = LESSONS) -> dict[str, Entry]:
    """Every entry by its id, in the order of the file."""
    found: dict[str, Entry] = {}
    owner: dict[str, str] = {}
    for raw in read_toml(folder / "glossary.toml")["entry"]:
        where = f"glossary.toml, {raw.get('id', 'an entry without id')}"
        entry = _record(Entry, raw, where)
        problem = _problem(entry, folder)
        if entry.id in found:
            problem = "this id is there twice"
        for name in map(normal, entry.names):
            if owner.setdefault(name, entry.id) != entry.id:
                problem = f"“{name}” also names {owner[name]}"
        if problem:
            raise ContentError(f"{where}: {problem}")
        found[entry.id] = entry
    return found


def _problem(entry: Entry, folder: Path) -> str | None:
    """What is wrong with an entry by itself, or None."""
    unknown = [s for s in entry.source if s not in papers(folder)]
    if unknown:
        return f"no such paper: {', '.join(unknown)}"
    if not (entry.text.endswith(".") and entry.term):
        return "a term and a whole sentence are needed"
    if entry.state and not entry.page:
        return "a state needs a page"
    return None


@lru_cache
def lessons(folder: Path = LESSONS) -> dict[str, Lesson]:
    """The objectives, prerequisites and reading of each lesson, by its page."""
    found: dict[str, Lesson] = {}
    for raw in read_toml(folder / "objectives.toml")["lesson"]:
        where = f"objectives.toml, {raw.get('page', 'a lesson without page')}"
        lesson = _record(Lesson, raw, where)
        know = tuple(_record(Known, k, where) for k in raw.get("know", ()))
        read = tuple(_record(Reading, r, where) for r in raw.get("read", ()))
        missing = [r.paper for r in read if r.paper not in papers(folder)]
        missing += [k.term for k in know if k.term and k.term not in entries(folder)]
        if missing:
            raise ContentError(f"{where}: cited but not there: {', '.join(missing)}")
        found[lesson.page] = Lesson(lesson.page, lesson.objectives, know, read)
    lost = [k.page for lesson in found.values() for k in lesson.know if k.page and k.page not in found]
    if lost:
        raise ContentError(f"objectives.toml: no such lesson: {', '.join(lost)}")
    return found


# --- looking terms up --------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """`text` as it is compared: lower case, without accents and punctuation, Greek letters by name.

    >>> normal("ε-prediction"), normal("Fréchet"), normal("x̂₀")
    ('eps prediction', 'frechet', 'x0')
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    plain = "".join(_GREEK.get(c, c) for c in plain).replace("epsilon", "eps")
    return " ".join(re.findall(r"[^\W_]+", plain))


def search(query: str, limit: int = 8) -> list[Entry]:
    """The entries that a query may mean, best first: by name, then by a misspelt name, then by their sentence."""
    wanted = normal(query)
    if not wanted:
        return []
    ranked = sorted(
        ((_match(wanted, entry), entry) for entry in entries().values()), key=lambda pair: -pair[0]
    )
    return [entry for score, entry in ranked[:limit] if score > 0]


def _match(wanted: str, entry: Entry) -> float:
    """How well an entry matches a normal query, 0 for not at all. A term counts a little more than an alias."""
    best = max(_similarity(wanted, normal(name)) - 0.02 * (k > 0) for k, name in enumerate(entry.names))
    if best > 0:
        return best
    words = normal(entry.text).split()
    return 0.1 if all(any(w.startswith(q) for w in words) for q in wanted.split()) else 0.0


def _similarity(wanted: str, name: str) -> float:
    if name == wanted:
        return 1.0
    if name.startswith(wanted):
        return 0.8 + 0.1 * len(wanted) / len(name)
    words = name.split()
    if all(any(w.startswith(q) for w in words) for q in wanted.split()):
        return 0.6 + 0.1 * len(wanted) / len(name)
    compared = difflib.SequenceMatcher(None, wanted, name)
    if (
        min(compared.real_quick_ratio(), compared.quick_ratio()) < FUZZY
    ):  # upper bounds of the ratio, and quick
        return 0.0
    ratio = compared.ratio()
    return 0.5 * ratio if ratio >= FUZZY else 0.0


@lru_cache
def names() -> dict[str, str]:
    """Every name of two characters or more with the id of its entry, the shortest first.

    For a list that is filtered as one types: whatever is typed, the name that equals it comes before those that hold it.
    """
    found = {name: entry.id for entry in entries().values() for name in entry.names if len(name) > 1}
    return dict(sorted(found.items(), key=lambda pair: len(pair[0])))


def link(entry: Entry) -> Demo | None:
    """The link to the page that shows a term, in the state that shows it; None where no page does."""
    return Demo(entry.page, entry.term, dict(entry.state)) if entry.page else None


# --- terms in a running text -------------------------------------------------------------------------------

# What is not running text: HTML tags, code, formulas, links and Streamlit's `:material/name:`.
_PROTECTED = re.compile(r"<[^>]*>|`[^`]*`|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|:[a-z]+/\w+:")
_ACRONYM = re.compile(r"(?=(?:.*[A-Z]){2})[A-Za-z][A-Za-z0-9-]{2,}")


@lru_cache
def _forms() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all terms and acronyms, the longest first, and the id behind each form in lower case."""
    ids: dict[str, str] = {}
    parts: list[tuple[str, bool]] = []  # a term, and whether it is an acronym, whose case counts
    for entry in entries().values():
        for k, name in enumerate(entry.names):
            acronym = bool(_ACRONYM.fullmatch(name)) and " " not in name
            if k == 0 or acronym:
                ids[name.casefold()] = entry.id
                parts.append((name, acronym))
    parts.sort(key=lambda part: -len(part[0]))
    either = "|".join(re.escape(n) if acronym else f"(?i:{re.escape(n)})" for n, acronym in parts)
    return re.compile(rf"(?<![\w-])({either})(?:e?s)?(?![\w-])"), ids


def annotate(text: str, wrap: Callable[[str, Entry], str]) -> str:
    """`text` (Markdown or HTML) with `wrap(words, entry)` in place of the first mention of each term.

    Terms are found by their own name in any case, and by acronyms as they are written ("CFG", not "cfg"). Tags, code,
    formulas and links stay as they are.
    """
    seen: set[str] = set()
    pattern, ids = _forms()

    def replace(found: re.Match[str]) -> str:
        entry = entries()[ids[found[1].casefold()]]
        if entry.id in seen:
            return found[0]
        seen.add(entry.id)
        return wrap(found[0], entry)

    return "".join(piece if protected else pattern.sub(replace, piece) for piece, protected in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is protected from being annotated."""
    end = 0
    for found in _PROTECTED.finditer(text):
        yield text[end : found.start()], False
        yield found[0], True
        end = found.end()
    yield text[end:], False

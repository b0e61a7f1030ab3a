import re

import pytest
import torch
from helpers import SOUGHT_TERMS

from diffviz.diffusion.schedules import SCHEDULES
from diffviz.lessons import glossary
from diffviz.lessons.content import ContentError
from diffviz.lessons.glossary import annotate, entries, lessons, link, names, normal, papers, search
from diffviz.lessons.pages import BY_SLUG
from diffviz.paths import LESSONS

ENTRIES = list(entries().values())
# Objectives are about what a learner can be seen to do.
VERBS = {"answer", "choose", "compare", "compute", "convert", "count", "decide", "explain", "find", "identify", "name",
         "predict", "read", "recall", "state"}  # fmt: skip


def test_the_terms_of_the_field_are_there():
    assert len(ENTRIES) >= 60
    for term in SOUGHT_TERMS:
        assert search(term)[0].page, term


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_an_entry_is_one_sentence_that_fits_a_tooltip(entry):
    assert re.fullmatch(r"[a-z0-9-]+", entry.id)
    assert 5 <= len(entry.text.split()) <= 45
    assert not re.search(r"[.!?] [A-Z]", entry.text.replace("et al. ", ""))
    assert not re.search(
        r"[_{}$<>]", entry.text
    )  # indices are characters, as on the pages: a tooltip has no formulas


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.formula], ids=lambda e: e.id)
def test_a_formula_is_balanced(entry):
    formula = entry.formula
    bare = re.sub(r"\\[{}]", "", formula)
    depth = 0
    for bracket in re.findall(r"[{}]", bare):
        depth += 1 if bracket == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert "$" not in formula
    for opens, closes in (("bigl", "bigr"), ("Bigl", "Bigr"), ("begin", "end")):
        assert len(re.findall(rf"\\{opens}\b", formula)) == len(re.findall(rf"\\{closes}\b", formula))
    # DDPM's α_t is 1 − β_t and other papers' is its root: neither stands here, only ᾱ_t.
    assert not re.search(r"(?<!\\bar)\\alpha", formula)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.page], ids=lambda e: e.id)
def test_a_page_is_one_of_the_lessons(entry):
    assert entry.page in BY_SLUG
    shown = link(entry)
    assert (shown.page, shown.state) == (entry.page, entry.state)


def test_a_term_without_a_page_has_no_link():
    lonely = next(e for e in ENTRIES if not e.page)
    assert link(lonely) is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("CFG", "cfg"),
        ("cfg ", "cfg"),
        ("DDIM", "ddim"),
        ("ε-prediction", "eps-prediction"),
        ("eps prediction", "eps-prediction"),
        ("epsilon-prediction", "eps-prediction"),
        ("latent", "latent"),
        ("SDEdit", "sdedit"),
        ("img2img", "img2img"),
        ("Frechet", "fid"),
        ("Fréchet", "fid"),
        ("neighbor", "nearest-neighbour"),
        ("classifer free guidence", "cfg"),
        ("noise schdule", "noise-schedule"),
        ("free guidance", "cfg"),
        ("dpmpp_2m", "dpm-solver"),
        ("x0", "x0-prediction"),
    ],
)
def test_what_people_type_finds_the_term_first(query, found):
    assert search(query)[0].id == found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_name_of_a_term_finds_it_first(entry):
    for name in entry.names:
        assert search(name)[0] is entry, name


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_a_list_that_is_filtered_as_one_types_offers_each_name_first(entry):
    offered = names()
    for name in entry.names:
        if len(name) > 1:
            first = next(n for n in offered if name.casefold() in n.casefold())
            assert offered[first] == entry.id, name


def test_a_word_of_a_sentence_finds_the_term_after_all_names():
    found = search("voluptuous") + search("  ") + search("")
    assert found == []
    assert search("marble") == []
    assert search("saturated")[0].id == "clipping"


def test_names_are_compared_without_case_accents_and_punctuation():
    assert normal("  Fréchet—Inception  ") == "frechet inception"
    assert normal("ᾱ") == "alpha" and normal("x̂₀-Prediction") == "x0 prediction"


@pytest.mark.parametrize("paper", papers().values(), ids=lambda p: p.id)
def test_a_paper_can_be_found(paper):
    assert 1950 < paper.year < 2030 and paper.authors and paper.title
    if paper.arxiv:
        assert re.fullmatch(r"\d{2}(0[1-9]|1[0-2])\.\d{4,5}", paper.arxiv)
        # Published no earlier than it was posted, and ids have five digits since 2015.
        assert paper.year >= 2000 + int(paper.arxiv[:2]) - (paper.arxiv[2:4] == "01")
        assert len(paper.arxiv.split(".")[1]) == (5 if int(paper.arxiv[:2]) >= 15 else 4)
    else:
        assert re.fullmatch(r"10\.\d{4,}/\S+", paper.doi)


def test_the_sentences_with_numbers_hold_for_our_schedules():
    half = float(SCHEDULES["linear"].alpha(0.5)) ** 2
    assert "about 8 %" in entries()["linear-schedule"].text and round(100 * half) == 8
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    fall = -(SCHEDULES["cosine"].alpha(t) ** 2).diff()
    assert max(fall[0], fall[-1]) < 0.1 * fall[50]  # cosine: little near both ends
    sigma = SCHEDULES["karras"].sigma(t) / SCHEDULES["karras"].alpha(t)
    assert (sigma.diff().diff() > 0).all()  # Karras: closer together at low noise


def test_every_paper_is_cited_and_none_stands_there_twice():
    cited = {s for e in ENTRIES for s in e.source} | {r.paper for n in lessons().values() for r in n.read}
    assert cited == set(papers())
    ids = [p.arxiv or p.doi for p in papers().values()]
    assert len(set(ids)) == len(ids)


def test_every_lesson_has_its_objectives():
    assert set(lessons()) == set(BY_SLUG)


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda n: n.page)
def test_objectives_say_what_a_learner_can_do(lesson):
    assert 2 <= len(lesson.objectives) <= 3
    for objective in lesson.objectives:
        assert objective.split()[0] in VERBS
        assert not objective.endswith(".") and len(objective.split()) <= 25
    assert lesson.know and any(k.page or k.term for k in lesson.know)
    assert all(k.page != lesson.page for k in lesson.know)
    assert 2 <= len(lesson.read) <= 5
    assert len({r.paper for r in lesson.read}) == len(lesson.read)


# --- terms in a running text ---


def marked(text):
    return annotate(text, lambda words, entry: f"[{words}={entry.id}]")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("The noise schedule.", "The [noise schedule=noise-schedule]."),
        ("Noise schedules and noise schedules", "[Noise schedules=noise-schedule] and noise schedules"),
        ("CFG, not cfg", "[CFG=cfg], not cfg"),
        ("classifier-free guidance scale", "[classifier-free guidance=cfg] scale"),
        ("<b title='DDIM'>DDIM</b>", "<b title='DDIM'>[DDIM=ddim]</b>"),
        ("`DDIM` and $DDIM$ and [DDIM](x)", "`DDIM` and $DDIM$ and [DDIM](x)"),
        ("DDIMENSION, pre-DDIM", "DDIMENSION, pre-DDIM"),
        ("", ""),
    ],
)
def test_the_first_mention_of_a_term_is_marked(text, becomes):
    assert marked(text) == becomes


def test_an_annotated_text_is_the_text_when_nothing_is_wrapped():
    for entry in ENTRIES:
        assert annotate(entry.text, lambda words, _: words) == entry.text


# --- files that break a rule ---


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("glossary", ('id = "ddim"', 'id = "ddpm"'), "there twice"),
        ("glossary", ('aliases = ["CFG",', 'aliases = ["DDIM",'), "also names"),
        ("glossary", ('source = ["ddim"]', 'source = ["nobody"]'), "no such paper: nobody"),
        ("glossary", ('term = "DDIM"', 'word = "DDIM"'), "unknown field word"),
        ("glossary", ('term = "DDIM"\n', ""), "missing .*'term'"),
        ("glossary", ('term = "DDIM"', "term = 1"), "must be of type str"),
        ("glossary", ('page = "editing"', 'page = ""'), "needs a page"),
        ("papers", ('arxiv = "2010.02502"', ""), "ddim: either"),
        ("objectives", ('paper = "vdm"', 'paper = "nobody"'), "not there: nobody"),
        ("objectives", ('page = "forward" }', 'page = "nowhere" }'), "no such lesson: nowhere"),
    ],
)
def test_a_file_that_breaks_a_rule_is_named(tmp_path, file, change, says):
    for name in ("glossary", "papers", "objectives"):
        text = (LESSONS / f"{name}.toml").read_text(encoding="utf-8")
        if name == file:
            assert change[0] in text
            text = text.replace(*change)
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=f"{file}.toml.*{says}|{says}"):
        glossary.lessons(tmp_path)

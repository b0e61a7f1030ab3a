"""Parts, links and what is carried from page to page, as the server sees them: without a browser."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import chain
from typing import Any

import pytest
from helpers import ROOT, open_page
from streamlit.testing.v1 import AppTest

from diffviz.lessons import content
from diffviz.lessons.pages import BY_SLUG, LESSONS, PAGES, TEACHING, groups
from diffviz.ui import terms
from diffviz.ui.components import navigation
from diffviz.ui.lessons import latent, unet

PARTS = {  # slug -> key of its tabs
    "training": "learn",
    "steps": "part",
    "guidance": "show",
    "editing": "do",
    "generative_models": "beside",
    "latent": "latent",
    "unet": "inside",
}
EVERY_PART = [
    *(("training", p) for p in ("example", "time", "train")),
    *(("steps", p) for p in ("ladder", "race", "curve", "jump", "tell")),
    *(("guidance", p) for p in ("two", "scales", "when", "words", "avoid", "judge")),
    *(("editing", p) for p in ("img2img", "inpaint")),
    *(("generative_models", p) for p in ("models", "flow", "distillation")),
    *(("latent", p) for p in latent.PARTS),
    *(("unet", p) for p in unet.PARTS),
]


def test_pages_have_numbers_addresses_and_a_group_of_their_own():
    numbers = [page.file.removeprefix("pages/").partition("_")[0] for page in PAGES]
    assert all(number.isdigit() for number in numbers) and len(set(numbers)) == len(PAGES)
    assert {page.file for page in PAGES} == {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}
    assert len({page.slug for page in PAGES}) == len(PAGES)
    names = [name for name, _ in groups()]
    assert all(names) and len(set(names)) == len(names)  # pages of one group stand together
    counted = [page.title.partition(" · ")[0] for page in LESSONS if " · " in page.title]
    assert counted == [str(n) for n in range(1, len(counted) + 1)]


def controls(app: AppTest) -> dict[str | None, Any]:
    """The value of every control that the address can hold."""
    groups = (
        app.text_input, app.number_input, app.slider, app.select_slider, app.selectbox, app.segmented_control, app.toggle,
    )  # fmt: skip
    return {c.key: c.value for c in chain(*groups) if c.proto.query_param_key}


def go(app: AppTest, slug: str, **query: str) -> AppTest:
    """Go on to another page in the same session."""
    app.query_params.clear()
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(BY_SLUG[slug].file if slug in BY_SLUG else TEACHING.file)
    app.run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def quick(**state: str) -> dict[str, str]:
    return {"net": "32 × 32, quick", "steps": "2", **state}


@pytest.mark.slow
def test_a_menu_link_carries_values_along_and_any_other_link_does_not(idle_network):
    app = open_page("reverse", quick(prompt="octopus", seed="12"))
    go(app, "guidance", **{navigation.CARRY: "true"})
    assert (app.text_input(key="prompt").value, app.number_input(key="seed").value) == ("octopus", 12)
    assert navigation.CARRY not in app.query_params
    go(app, "reverse", seed="3")
    assert (app.text_input(key="prompt").value, app.number_input(key="seed").value) == ("cat face", 3)
    assert app.slider(key="steps").value == 30


@pytest.mark.slow
def test_what_was_brought_along_outlives_a_page_whose_default_it_is(idle_network):
    app = open_page("reverse", quick())
    for slug in ("steps", "guidance"):
        go(app, slug, **{navigation.CARRY: "true"})
        assert app.selectbox(key="net").value == "emoji32"
    app.selectbox(key="net").set_value("emoji64").run()
    go(app, "reverse", **{navigation.CARRY: "true"})
    assert app.selectbox(key="net").value == "emoji64"


@pytest.mark.slow
@pytest.mark.parametrize("plan", content.plans(), ids=lambda plan: plan.id)
def test_a_plans_links_opened_in_order_give_each_the_very_state_that_a_fresh_visitor_gets(plan, idle_network):
    app = AppTest.from_file(str(ROOT / "home.py"), default_timeout=120)
    for demo in [demo for phase in plan.phases for demo in phase.demos]:
        # One page shows what the network's blocks give.
        with idle_network() if demo.page == "unet" else nullcontext():
            go(app, demo.page, **demo.state)
            assert controls(app) == controls(open_page(demo.page, demo.state)), demo.label
            assert not app.warning, demo.label
        go(app, "teaching", plan=f"{plan.title} ({plan.minutes} min)")


@pytest.mark.slow
@pytest.mark.parametrize("slug", PARTS)
def test_the_parts_of_a_lesson_are_tabs_and_the_next_part_is_at_its_end(slug, request):
    if slug != "unet":  # which shows what the network's blocks give
        request.getfixturevalue("idle_network")
    app = open_page(slug, {})
    key = PARTS[slug]
    tabs = app.segmented_control(key=key)
    assert tabs.proto.query_param_key == key
    assert not [s for s in app.selectbox if s.label == "Part"]
    titles = list(tabs.options)
    assert any(b.label == f"Next part: {titles[1]}" for b in app.button)
    next(b for b in app.button if b.label.startswith("Next part")).click().run()
    assert not app.exception
    assert app.segmented_control(key=key).value == next(
        p for s, p in EVERY_PART[1:] if s == slug and p != first(slug)
    )


def first(slug: str) -> str:
    return next(part for s, part in EVERY_PART if s == slug)


def test_every_part_ends_in_a_question_of_its_own():
    found = [content.closing_question(slug, part) for slug, part in EVERY_PART]
    assert len({question for question, _ in found}) == len(EVERY_PART)
    assert all(question.endswith("?") and answer.endswith((".", ".)")) for question, answer in found)
    with pytest.raises(content.ContentError, match="no question"):
        content.closing_question("steps", "waltz")


# What each part of lesson 4 has no use for.
UNUSED = {
    "Number of steps": {"calls"},
    "Samplers at equal NFE": {"sampler"},
    "Measured quality": {"sampler", "calls"},
    "One step or many": {"guidance", "calls"},
    "Blind test": {"prompt", "seed", "style", "sampler", "guidance", "calls"},
}


@pytest.mark.slow
@pytest.mark.parametrize("part", UNUSED)
def test_a_control_that_plays_no_part_is_not_shown(part, idle_network):
    seen = set(controls(open_page("steps", {"part": part})))
    everything = {"prompt", "seed", "style", "sampler", "guidance", "net", "calls"}
    assert everything - seen == UNUSED[part]


def test_every_symbol_that_explains_itself_has_a_sentence():
    assert {"x̂₀", "ε̂", "SNR", "RMSE"} <= set(terms.symbols())
    assert all(text.endswith(".") for text in terms.symbols().values())
    assert "dv-symbols" in terms.symbols_line("SNR")

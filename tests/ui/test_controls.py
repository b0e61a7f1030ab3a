"""Controls that live in the address, and links that were written for earlier versions of them."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from helpers import ROOT, control_keys, open_page
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit import stop
from streamlit.testing.v1 import AppTest

from diffviz.models import checkpoints
from diffviz.ui.lessons import latent, reverse
from diffviz.ui.stage import Stage


def page_with_a_renamed_option() -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page

    titles = {"img2img": "Image-to-image", "inpaint": "Inpainting"}
    formerly = {"Begin with it": "img2img", "Fill a hole": "inpaint"}
    c = Controls(Page(notices=st.container()))
    st.text(c.choice("Part", "do", tuple(titles), "img2img", titles, segmented=True, formerly=formerly))


@pytest.mark.parametrize(
    ("link", "chosen", "warned"),
    [("Inpainting", "inpaint", False), ("Fill a hole", "inpaint", False), ("Dance", "img2img", True)],
)
def test_a_link_with_an_options_former_title_opens_it_without_a_warning(link, chosen, warned):
    app = AppTest.from_function(page_with_a_renamed_option, default_timeout=60)
    app.query_params["do"] = link
    app.run()
    assert not app.exception
    assert [t.value for t in app.text] == [chosen]
    assert bool(app.warning) == warned


def page_without_a_widget() -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page

    titles = {"cards": "Flashcards", "both": "Quiz and Flashcards", "quiz": "Quiz"}
    st.text(Controls(Page(notices=st.container())).linked("Exercise", "way", titles))


def test_a_link_that_names_a_part_twice_is_said_as_long_as_it_does_and_opens_the_first():
    app = AppTest.from_function(page_without_a_widget, default_timeout=60)
    app.query_params["way"] = ["Quiz", "Flashcards"]  # which is not “Quiz and Flashcards”
    app.run()
    assert not app.exception and len(app.warning) == 1 and app.text[0].value == "cards"
    assert (
        len(app.run().warning) == 1
    )  # practice runs again by itself, as soon as the browser has named its learner
    app.query_params["way"] = "Quiz"
    assert not app.run().warning and app.text[0].value == "quiz"


def page_with_a_drawer() -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page
    from diffviz.ui.stage import layout

    c, stage = Controls(Page(st.container(), True)), layout()
    with stage.controls, stage.more():
        c.slider("Steps", "steps", 30, 1, 250, 1)


def test_what_a_link_sets_in_the_drawer_is_written_beside_it():
    app = AppTest.from_function(page_with_a_drawer, default_timeout=60)
    app.query_params["seed"] = "3"  # of another control
    app.run()
    assert not app.caption
    app.query_params["steps"] = "12"
    app.run()
    assert [c.value for c in app.caption] == ["In **More**: steps 12"]


def test_what_a_bad_link_says_is_repeated_without_its_markup():
    app = AppTest.from_function(page_with_a_drawer, default_timeout=60)
    app.query_params["steps"] = "[12](x)<b>"
    app.run()
    assert [c.value for c in app.caption] == ["In **More**: steps 12xb"]


def page_of_a_guidance_scale() -> None:
    import streamlit as st

    from diffviz.ui import live
    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page
    from diffviz.ui.sampling_controls import guidance_control

    c = Controls(Page(st.container(), False))
    guidance_control(c, live.network(c))


def test_the_guidance_scale_begins_with_what_the_network_is_best_at_and_stays_where_it_is_moved():
    scale = {name: entry.guidance for name, entry in checkpoints.manifest().items()}
    assert scale["emoji64"] != scale["emoji128"]
    app = AppTest.from_function(page_of_a_guidance_scale, default_timeout=60).run()
    for net in ("emoji128", "emoji64"):
        app.selectbox(key="net").set_value(net).run()
        assert app.slider(key="guidance").value == scale[net]
    app.slider(key="guidance").set_value(6.0).run()
    app.selectbox(key="net").set_value("emoji128").run()
    assert app.slider(key="guidance").value == 6.0


def test_a_scale_that_a_link_names_stays_where_another_network_begins_elsewhere():
    """Also the one that the network before began with."""
    app = AppTest.from_function(page_of_a_guidance_scale, default_timeout=60).run()
    app.query_params["guidance"] = "3.0"
    app.selectbox(key="net").set_value("emoji128").run()
    assert app.slider(key="guidance").value == 3.0


@pytest.mark.parametrize(
    ("asked", "begins"), [({}, 4.5), ({"guidance": "3.0"}, 3.0), ({"guidance": "7"}, 7.0)]
)
def test_a_link_to_a_network_opens_it_at_its_own_scale_unless_it_names_one(asked, begins):
    app = AppTest.from_function(page_of_a_guidance_scale, default_timeout=60)
    for key, value in {"net": checkpoints.manifest()["emoji128"].title, **asked}.items():
        app.query_params[key] = value
    app.run()
    assert app.slider(key="guidance").value == begins and not app.warning


def page_with_every_kind_of_control() -> None:
    import json

    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page

    c = Controls(Page(notices=st.container()))
    found = {
        "seed": c.integer("Seed", "seed", 0, 0, 9999),
        "scale": c.slider("Scale", "scale", 3.0, -5.0, 10.0, 0.5),
        "turns": c.slider("Turns", "turns", 3, 1, 10, 1),
        "T": c.select("T", "T", 50, (10, 25, 50)),
        "way": c.choice("Way", "way", ("a", "b"), "a", {"a": "Aa", "b": "Bb"}, segmented=True),
        "net": c.choice("Net", "net", ("x", "y"), "x"),
        "prompt": c.text("Prompt", "prompt", "cat", 20),
    }
    st.text(json.dumps(found))


def checked(link: dict[str, str | list[str]]) -> AppTest:
    """The page opened by this link: no traceback, and every value within its bounds."""
    app = AppTest.from_function(page_with_every_kind_of_control, default_timeout=60)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, (link, [e.value for e in app.exception])
    found = json.loads(app.text[0].value)
    assert type(found["seed"]) is int and 0 <= found["seed"] <= 9999
    assert -5 <= found["scale"] <= 10 and type(found["turns"]) is int and 1 <= found["turns"] <= 10
    assert found["T"] in (10, 25, 50) and found["way"] in ("a", "b") and found["net"] in ("x", "y")
    assert len(found["prompt"]) <= 20
    return app


NUMBERS = [
    "inf",
    "-inf",
    "1e400",
    "-1e400",
    "nan",
    "Infinity",
    "1e308",
    "9" * 40,
    "-1",
    "2.5",
    "1_0",
    "٣",
    "0x10",
    "",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_in_a_link_is_a_traceback(number):
    app = checked(dict.fromkeys(("seed", "scale", "turns", "T", "way", "net", "prompt"), number))
    again = app.number_input(key="seed").set_value(7).run()
    assert not again.exception
    assert again.number_input(key="seed").value == 7
    assert (
        again.number_input(key="seed").proto.query_param_key == "seed"
    )  # what is chosen now is in the address


@pytest.mark.parametrize(
    ("key", "values", "default"),
    [
        ("seed", ["1", "2"], "0"), ("scale", ["1", "2"], "3.0"), ("turns", ["5", "5"], "3"), ("T", ["10", "25"], "50"),
        ("way", ["Bb", "Aa"], "“Aa”"), ("net", ["x", "y"], "“x”"), ("prompt", ["dog", "fox"], "“cat”"),
    ],
)  # fmt: skip
def test_a_link_that_names_a_control_twice_is_said_and_opens_its_default(key, values, default):
    app = checked({key: values})
    (warning,) = app.warning
    assert (
        f"`{' and '.join(values)}`, which is more than one value. Using {default} instead." in warning.value
    )
    found = json.loads(app.text[0].value)
    assert found[key] == json.loads(checked({}).text[0].value)[key] and key not in app.query_params
    assert not app.run().warning


@pytest.mark.parametrize("seed", ["inf", ["1", "2"]])
def test_a_bad_link_that_is_gone_back_to_is_said_and_no_traceback(seed):
    app = checked({"seed": "7"})
    app.query_params["seed"] = seed  # which a widget is bound to by now
    app.run()
    assert not app.exception and len(app.warning) == 1
    assert app.number_input(key="seed").value == 0 and "seed" not in app.query_params


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("DIFFVIZ_FUZZ", "30")), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["seed", "scale", "turns", "T", "way", "net", "prompt", "presenter"]),
        st.sampled_from(NUMBERS) | st.floats().map(str) | st.integers().map(str) | st.text(max_size=30),
        min_size=1,
    )
)
def test_no_link_is_a_traceback(link):
    checked(link)


@pytest.mark.slow
# A link or two a page here; DIFFVIZ_FUZZ=1000 gives that many to each. Short runs, or they would take the time.
@pytest.mark.parametrize("slug", sorted(p.stem.partition("_")[2] for p in (ROOT / "pages").glob("*.py")))
def test_no_page_answers_a_link_of_odd_numbers_with_a_traceback(slug):
    rng = random.Random(slug)
    short = {"steps": "2", "net": checkpoints.manifest()[checkpoints.QUICK].title}
    keys = sorted(control_keys(open_page(slug, short)) - set(short))
    for _ in range(int(os.environ.get("DIFFVIZ_FUZZ", "1"))):
        open_page(slug, {key: rng.choice(NUMBERS) for key in keys} | short)


def page_that_stops_in_its_drawer() -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page
    from diffviz.ui.stage import layout

    c, stage = Controls(Page(st.container())), layout()
    c.integer("Seed", "seed", 0, 0, 9999)
    with stage.controls, stage.more():
        c.slider("Steps", "steps", 30, 1, 250, 1)
        st.stop()  # as where the network that is chosen there cannot be loaded


def test_a_page_that_stops_in_its_drawer_loses_no_control_that_is_to_begin_anew_on_arrival():
    app = AppTest.from_function(page_that_stops_in_its_drawer, default_timeout=60)
    assert app.run().session_state["controls"] == {"seed", "steps"}


def test_a_value_that_is_carried_into_the_drawer_is_written_beside_it_at_once():
    app = AppTest.from_function(page_with_a_drawer, default_timeout=60)
    app.session_state["carried"] = {"steps": (12, "12")}
    app.run()
    assert [c.value for c in app.caption] == ["In **More**: steps 12"]


@pytest.mark.slow
@pytest.mark.parametrize("slug", sorted(p.stem.partition("_")[2] for p in (ROOT / "pages").glob("*.py")))
def test_beside_the_drawer_stands_all_that_a_link_sets_in_it_and_nothing_else(slug, monkeypatch):
    whole = Stage.more

    @contextmanager
    def last(stage: Stage) -> Iterator[None]:
        with whole(stage):
            yield
        stop()  # what a page computes after its controls would take minutes

    monkeypatch.setattr(Stage, "more", last)
    monkeypatch.setattr(latent, "cost", lambda *_: stop())  # a part without a drawer, which measures for long
    link = {
        "steps": "2", "net": checkpoints.manifest()[checkpoints.QUICK].title, "seed": "5", "style": "flat",
        "guidance": "2.5", "sampler": "DDPM", "schedule": "linear", "panels": [*reverse.VIEWS.values()][-1], "T": "10",
        "rounds": "4", "shape": "ring", "px": "0.5", "py": "0.5", "pf": "3", "inner": "3",
        "process": "reverse", "middle": "two noises",
    }  # fmt: skip
    first = open_page(slug, link)
    tabs = [row for row in first.segmented_control if row.label == "Part"]
    others = [open_page(slug, link | {row.key: title}) for row in tabs for title in row.options[1:]]
    for app in (first, *others):
        drawers = [block for block in app.get("popover") if block.proto.id.endswith("-more")]
        made = {getattr(e.proto, "query_param_key", "") for drawer in drawers for e in drawer} - {""}
        said = [caption.value for caption in app.caption if caption.value.startswith("In **More**")]
        named = {key for key in link for text in said if re.search(rf"[:,] {key} ", text)}
        assert named == made and len(said) == bool(made), (named, made, said)
        assert made <= set(link) and not app.warning  # the link sets all of them, and to what they can be

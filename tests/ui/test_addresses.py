"""Whatever stands in the address, no control of any page answers with a traceback or a value out of its bounds.

The controls are recorded from the pages as they are, each part of a lesson opened, and then made from random addresses
without the rest of their page. A hundred addresses in the daily round; DIFFVIZ_ADDRESSES=10000 for as many.
"""

from __future__ import annotations

import inspect
import os
import random
import string

import pytest
from helpers import open_page
from streamlit.testing.v1 import AppTest

from diffviz.lessons import pages
from diffviz.ui.controls import Controls

ADDRESSES = int(os.environ.get("DIFFVIZ_ADDRESSES", "100"))
SLUGS = [lesson.slug for lesson in pages.PAGES]
METHODS = ("text", "choice", "linked", "integer", "slider", "select")
ODD = [
    "inf", "-inf", "1e400", "-1e400", "nan", "Infinity", "1e308", "1e-400", "9" * 40, "9" * 5000, "-1", "2.5", "1_0", "٣",
    "0x10", "", " ", "0", "-0.0", "1e3", "True", "null", "[1]", "{}", "%00", "\x00", "\ufffe", "<script>", "../../etc",
    "a" * 100_000, "🐱" * 50, "\u202e", "';--", "${7*7}", "$\\frac{1}{0}$", "**b**", "`", "|", "\n",
]  # fmt: skip


def page_of_controls(specs: list[tuple[str, tuple, dict]]) -> None:
    import streamlit as st

    from diffviz.ui.controls import Controls
    from diffviz.ui.frame import Page

    c = Controls(Page(notices=st.container()))
    st.session_state["found"] = [getattr(c, method)(*args, **more) for method, args, more in specs]


def recorded(slug: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, tuple, dict]]:
    """The controls of a page by their keys, with each of its parts opened once."""
    found: dict[str, tuple[str, tuple, dict]] = {}

    def watch(method: str) -> None:
        make = getattr(Controls, method)
        signature = inspect.signature(make)

        def made(self, *args, **more):
            bound = signature.bind(self, *args, **more)
            told = dict(bound.arguments)
            own = {
                k: v for k, v in told.pop("more", {}).items() if k in ("segmented", "formerly", "disabled")
            }
            told.pop("self")
            found.setdefault(told["key"], (method, (), told | own))
            return make(self, *args, **more)

        monkeypatch.setattr(Controls, method, made)

    with monkeypatch.context() as patched:
        monkeypatch = patched
        for method in METHODS:
            watch(method)
        open_page(slug, {})
        for key, (method, _, told) in list(found.items()):
            if method == "choice" and told.get("segmented"):
                for option in told["options"]:
                    open_page(slug, {key: (told.get("titles") or {}).get(option, option)})
    return found


def odd_value(rng: random.Random, told: dict) -> str:
    """What an address may hold for a control: something odd, something at a bound, or something valid."""
    bounds = [told[k] for k in ("low", "high", "default") if isinstance(told.get(k), int | float)]
    choices = [
        lambda: rng.choice(ODD),
        lambda: "".join(rng.choices(string.printable + "éß漢🐱\u0301", k=rng.randrange(1, 40))),
        lambda: str(rng.uniform(-1, 1) * 10 ** rng.randrange(-3, 20)),
        lambda: str(rng.choice(bounds) + rng.choice([-1, -1e-9, 0, 1e-9, 0.5, 1])) if bounds else "7",
        lambda: str(rng.choice(list(told["options"]))) if "options" in told else "8",
        lambda: rng.choice(list((told.get("titles") or {"": "x"}).values())),
        lambda: rng.choice(list(told.get("formerly") or {"before": ""})),
    ]
    return rng.choice(choices)()


def in_bounds(method: str, told: dict, value: object) -> bool:
    if method == "text":
        return isinstance(value, str) and len(value) <= told.get("limit", 120)
    if method in ("choice", "select"):
        return value in told["options"]
    if method == "linked":
        return value in told["titles"]
    return type(value) in (int, float) and told["low"] <= value <= told["high"]


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_no_address_is_a_traceback_or_a_value_out_of_bounds(slug, request, monkeypatch):
    if slug != "unet":  # that page looks into the network, which must be one
        request.getfixturevalue("idle_network")
    specs = recorded(slug, monkeypatch)
    if not specs:
        assert slug in ("teaching", "classroom")  # the pages that have none
        return
    rng = random.Random(slug)
    for _ in range(-(-ADDRESSES // len(SLUGS))):
        link = {key: odd_value(rng, told) for key, (_, _, told) in specs.items() if rng.random() < 0.7}
        app = AppTest.from_function(page_of_controls, args=(list(specs.values()),), default_timeout=60)
        for key, value in link.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception, (link, [e.value for e in app.exception])
        for (method, _, told), value in zip(specs.values(), app.session_state["found"], strict=True):
            assert in_bounds(method, told, value), (told["key"], value, link)

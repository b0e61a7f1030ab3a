"""A class plan while it is run: a bar over each demo with its phase, the question, what will be heard, and the time.

The step is in the address, so that a reload is at the same step: `?run=plan-first.3.1764300000` is the third demo of a
plan, in a class that began then (seconds since 1970). It is kept in the session too, so that every other page leads back.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

import streamlit as st

from diffviz.classroom.activities import Draft
from diffviz.lessons import content
from diffviz.lessons.content import Demo, Phase, Plan
from diffviz.lessons.pages import BY_SLUG, CLASSROOM
from diffviz.ui.classroom import offer
from diffviz.ui.components import clicker

PARAM = "run"
_KEY = "plan-run"  # in the session: as in the address
_FORM = re.compile(r"(plan-[a-z]+)\.(\d{1,2})(?:\.(\d{10}))?")
_BACK, _NEXT = "run-back", "run-next"
CSS = """
.st-key-run-bar { padding: 0 2rem .15rem 0; row-gap: 0; min-height: 2.9rem;
  border-bottom: 1px solid var(--dv-line-strong); }
.st-key-run-bar .stPageLink a { white-space: nowrap; }
.st-key-run-bar .stPageLink a:not(:hover, :focus-visible) { background: none; } /* Next may be on the same page */
.stMainBlockContainer:has(.st-key-room-bar):has(.st-key-run-bar) { --dv-tall: 52dvh; }
[class*="st-key-run-plan-"] a { border: 1px solid var(--dv-line-strong); border-radius: .5rem; }
.st-key-run-here { min-width: 0; }
.st-key-run-here a :is(p, span) { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 650; }
@media (min-width: 1100px) { .st-key-run-bar > .stHorizontalBlock { flex-wrap: nowrap; } }
"""


@dataclass(frozen=True)
class Run:
    """A class at one step of a plan, from 0; `began` is when its first minute was, in seconds since 1970."""

    plan: Plan
    step: int
    began: float

    @property
    def written(self) -> str:
        """How the address holds it."""
        return f"{self.plan.id}.{self.step + 1}" + (f".{int(self.began)}" if self.began else "")

    @property
    def place(self) -> int:
        """The index of the phase."""
        return self.plan.steps()[self.step][0]

    @property
    def phase(self) -> Phase:
        return self.plan.phases[self.place]

    @property
    def demo(self) -> Demo:
        return self.plan.steps()[self.step][1]

    @property
    def ends(self) -> float:
        """When the phase is to end, in seconds since 1970."""
        return self.began + 60 * (self.plan.begins()[self.place] + self.phase.minutes)

    @property
    def source(self) -> str:
        """What the question of the phase is known by in a room."""
        return f"{self.plan.id}/{self.place + 1}"

    def question(self) -> Draft:
        """The question of the phase as it is put to a class, in words of one's own."""
        return Draft(
            "text",
            self.phase.ask,
            explanation=self.phase.answer,
            source=self.source,
            demo=self.phase.demos[0],
        )


def read(written: str, now: float) -> Run | None:
    """The run that an address holds; None for what is none. A class that must be over by now begins anew at its step."""
    found = _FORM.fullmatch(written)
    plan = next((p for p in content.plans() if found and p.id == found[1]), None)
    if found is None or plan is None or not 1 <= int(found[2]) <= len(plan.steps()):
        return None
    run = Run(plan, int(found[2]) - 1, float(found[3] or 0))
    if 0 <= now - run.began <= 2 * 60 * plan.minutes:
        return run
    return replace(run, began=now - 60 * plan.begins()[run.place])


def first(plan: Plan) -> Run:
    """A plan at its first step, in a class that begins when it is opened."""
    return Run(plan, 0, 0)


def current() -> Run | None:
    """The plan that is run in this session, at the step of the address where that holds one."""
    asked = st.query_params.get(PARAM)
    if asked is None:
        written = st.session_state.get(_KEY)
        return read(written, time.time()) if written else None
    run = read(asked, time.time())
    if run is None:
        del st.query_params[PARAM]
        return None
    st.session_state[_KEY] = run.written
    if asked != run.written:
        st.query_params[PARAM] = run.written
    return run


def end() -> None:
    """Run the plan no longer."""
    st.session_state.pop(_KEY, None)
    st.query_params.pop(PARAM, None)


def link(run: Run, label: str, key: str, icon: str | None = None) -> None:
    """A link to a step: its demo in the very state."""
    with st.container(key=key, width="content"):
        state = {**run.demo.state, PARAM: run.written}
        st.page_link(BY_SLUG[run.demo.page].file, label=label, icon=icon, query_params=state, width="content")


@st.fragment
def show(run: Run) -> None:
    """The bar of a run."""
    steps = len(run.plan.steps())
    with st.container(key="run-bar", horizontal=True, vertical_alignment="center", gap="small"):
        if run.step > 0:
            link(replace(run, step=run.step - 1), "Back", _BACK, ":material/chevron_left:")
        link(run, f"{run.step + 1} of {steps} · {run.phase.title}", "run-here")
        if run.step + 1 < steps:
            link(replace(run, step=run.step + 1), "Next", _NEXT, ":material/chevron_right:")
        clicker.show(run.ends, run.plan.slack, time.time(), _BACK, _NEXT, "run-clock")
        with st.popover("Do", type="tertiary", icon=":material/play_lesson:"):
            st.markdown(f"**{run.phase.title}** ({run.phase.minutes} min). {run.phase.do}")
        with st.popover("Ask", type="tertiary", icon=":material/campaign:"):
            _ask(run)
        with st.popover("You will hear", type="tertiary", icon=":material/hearing:"):
            st.markdown(
                f"**A misconception.** “{run.phase.misconception}”\n\n**The answer.** {run.phase.answer}\n\n"
                f"**Reply.** {run.phase.reply}"
            )
        st.button("End", key="run-end", type="tertiary", on_click=end, help="End the run of this plan")


def _ask(run: Run) -> None:
    """The question, large for the wall, and a button that puts it to the open room."""
    st.subheader(run.phase.ask, anchor=False)
    if offer.room() is not None:
        offer.button(run.source, run.question, "run-ask", "primary")
    else:
        st.caption("With an open room, the class answers this on its phones.")
        st.page_link(CLASSROOM.file, label="Open a room", icon=CLASSROOM.icon)

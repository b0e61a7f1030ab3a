"""The parts of the page for teachers: preparation, and class plans to follow and to print."""

from __future__ import annotations

import html
from functools import partial

import streamlit as st

from diffviz.export import pdf
from diffviz.lessons import content
from diffviz.ui import printing
from diffviz.ui.classroom import plan_run
from diffviz.ui.controls import Controls
from diffviz.ui.lessons import teaching_pack
from diffviz.ui.practice import common

_CSS = """
@page { margin: 16mm; } body { font: 11pt/1.4 Georgia, serif; margin: 0; }
h1 { font-size: 17pt; margin: 0 0 4pt; } h2 { font-size: 12pt; margin: 12pt 0 2pt; }
section { break-inside: avoid; } p { margin: 0 0 3pt; } small { color: #555; }
"""


def before_class() -> None:
    """A checklist of what to prepare."""
    with st.expander("Before class", icon=":material/checklist:"):
        st.markdown(
            "- Start the app on the computer you will present with, and open one run, so that the weights are loaded.\n"
            "- The address holds every control. Save the address of anything you find while preparing: opened in class, it "
            "gives the same run.\n"
            "- The app fetches nothing from the internet while it runs, so a lecture hall without a connection is enough.\n"
            "- For a class with devices of their own, one computer can serve all: start the app there and share its "
            "*Network URL*. Practice answers are stored per browser under a random id. Free text is stored too, so ask the "
            "class not to write names into it.\n"
            "- Let students **predict first**. Most demos ask for a prediction and wait for it."
        )


def plan(c: Controls) -> None:
    """The chosen plan as a list of phases with links, and a button that prints it."""
    titles = {p.id: f"{p.title} ({p.minutes} min)" for p in content.plans()}
    chosen = c.parts("plan", titles, label="Plan", wrap=True)
    found = next(p for p in content.plans() if p.id == chosen)
    st.markdown(f"**For** {found.for_whom[0].lower()}{found.for_whom[1:]}")
    st.markdown("**At the end they can**\n" + "\n".join(f"- {objective}" for objective in found.objectives))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        plan_run.link(plan_run.first(found), "Run this plan", f"run-{found.id}", ":material/play_arrow:")
        printing.button("Print this plan", sheet(found), f"print-{found.id}")
    if found.id in content.sheets():
        _exercises(content.sheets()[found.id])
    teaching_pack.for_plan(found)
    phases = st.container(key="phases")
    for begins, phase in zip(found.begins(), found.phases, strict=True):
        with phases.container(border=True):
            st.header(f"{clock(begins)} · {phase.title}", anchor=False)
            st.markdown(
                f"**Do** ({phase.minutes} min). {phase.do}\n\n**Ask.** {phase.ask}\n\n**Model answer.** {phase.answer}\n\n"
                f"**Expect to hear.** “{phase.misconception}” **Reply.** {phase.reply}"
            )
            with st.container(horizontal=True, gap="small"):
                for demo in phase.demos:
                    common.demo_link(demo, width="content")
    st.markdown(_slack(found))
    st.caption(
        "**Run this plan** leads from demo to demo: a bar over each has the phase, its question, what you will hear and "
        "the time left. Page Down and Page Up, the keys of a clicker, go on and back."
    )


def _exercises(found: content.Sheet) -> None:
    """Downloads of a plan's exercise sheet and of its solutions."""
    with st.container(horizontal=True, gap="small"):
        for title, solutions, name in (
            ("Exercise sheet", False, "exercises"),
            ("Solutions", True, "solutions"),
        ):
            st.download_button(
                f"{title} (PDF)", partial(pdf.exercises_pdf, found, solutions), f"diffviz-{found.plan}-{name}.pdf",
                "application/pdf", key=f"{found.plan}-{name}", on_click="ignore", icon=":material/download:",
                help=f"{len(found.exercises)} exercises on paper, {found.points} points",
            )  # fmt: skip


def clock(minute: int) -> str:
    """A minute of the class as 0:05 or 1:10."""
    return f"{minute // 60}:{minute % 60:02d}"


def sheet(found: content.Plan) -> str:
    """The plan as an HTML page for the printer."""
    body = "".join(
        f"<section><h2>{clock(begins)} · {html.escape(p.title)} <small>{p.minutes} min</small></h2>"
        f"<p><b>Do.</b> {html.escape(p.do)}</p><p><b>Ask.</b> {html.escape(p.ask)}</p>"
        f"<p><b>Model answer.</b> {html.escape(p.answer)}</p>"
        f"<p><b>Expect to hear.</b> “{html.escape(p.misconception)}” <b>Reply.</b> {html.escape(p.reply)}</p>"
        f"<p><small>{' · '.join(html.escape(f'{d.page}: {d.label}') for d in p.demos)}</small></p></section>"
        for begins, p in zip(found.begins(), found.phases, strict=True)
    )
    objectives = "".join(f"<li>{html.escape(objective)}</li>" for objective in found.objectives)
    head = f"<h1>{html.escape(found.title)}, {found.minutes} minutes</h1><p>At the end they can</p><ul>{objectives}</ul>"
    return printing.sheet(f"diffviz: {found.title}", _CSS, f"{head}{body}<p>{_slack(found)}</p>")


def _slack(found: content.Plan) -> str:
    """The minutes that no phase has, for the foot of a plan."""
    return f"{clock(found.minutes - found.slack)} · {found.slack} minutes are left for what takes longer."

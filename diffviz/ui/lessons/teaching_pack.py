"""The teaching pack on the page for teachers: the syllabus with its labs, and a plan's slides and worksheets."""

from __future__ import annotations

import html
from collections.abc import Hashable
from functools import partial

import streamlit as st

from diffviz.export import labs, slides, worksheets
from diffviz.export.selection import Selection
from diffviz.lessons import syllabus
from diffviz.lessons.content import Demo, Plan
from diffviz.lessons.pages import BY_SLUG
from diffviz.lessons.syllabus import PartOfPlan, Week
from diffviz.ui import printing, turns
from diffviz.ui.controls import Controls
from diffviz.ui.practice import common, handouts

_CSS = """
@page { margin: 16mm; } body { font: 10.5pt/1.4 Georgia, serif; margin: 0; }
h1 { font-size: 17pt; margin: 0 0 4pt; } h2 { font-size: 12pt; margin: 12pt 0 2pt; }
section { break-inside: avoid; } p, ul { margin: 0 0 3pt; } ul { padding-left: 14pt; } small { color: #555; }
"""
_NOTEBOOK = "application/x-ipynb+json"


def for_plan(found: Plan) -> None:
    """Downloads of a plan's slides, and of its worksheet with the key."""
    with st.container(horizontal=True, gap="small"):
        for title, name, make, mime, about in (
            ("Slides (HTML)", slides.name(found), partial(_deck, found, handouts.app_url(), turns.visitor()), "text/html",
             "One file that works offline. Its images are computed when you press, which takes some seconds."),
            ("Worksheet (PDF)", worksheets.name(found, key=False), partial(worksheets.worksheet_pdf, found),
             "application/pdf", "Lines for predictions, and tables to fill while the demos run."),
            ("Worksheet key (PDF)", worksheets.name(found, key=True), partial(worksheets.key_pdf, found),
             "application/pdf", "Under the numbers of the worksheet."),
        ):  # fmt: skip
            st.download_button(
                title, make, name, mime, key=name, on_click="ignore", icon=":material/download:", help=about
            )


def _deck(found: Plan, app_url: str, visitor: Hashable) -> bytes:
    """The slides, whose figures take turns with the runs of the pages.

    Address and visitor are read beforehand: whoever fetches the file has none of the page.
    """
    with turns.elsewhere(visitor, "slides", slides.EVALUATIONS, "making slides"):
        return slides.deck(found, Selection(app_url=app_url)).encode()


def course(c: Controls) -> None:
    """The syllabus, a week at a time, with the week's notebook; its address is `week`."""
    titles = {str(week.number): f"Week {week.number}" for week in syllabus.weeks()}
    opened = "week" in st.query_params
    with st.expander(
        "A course of six weeks: syllabus and labs", icon=":material/calendar_month:", expanded=opened
    ):
        chosen = c.choice(
            "Week", "week", tuple(titles), "1", titles, segmented=True, label_visibility="collapsed"
        )  # fmt: skip
        _week(syllabus.weeks()[int(chosen) - 1])
        printing.button("Print the syllabus", sheet(), "print-syllabus")


def _week(week: Week) -> None:
    st.markdown(f"## {week.title}\n" + "\n".join(f"- {objective}" for objective in week.objectives))
    st.markdown("**Lessons**")
    with st.container(horizontal=True, gap="small"):
        for demo in week.lessons:
            common.demo_link(demo, width="content")
    st.markdown(f"**Class.** {' · '.join(map(named, week.plans))}. {week.session}")
    reading = [
        f"- {r.paper.cite}, *{r.paper.title}*, [{r.paper.where}]({r.paper.url}). {r.what}"
        for r in week.reading
    ]
    st.markdown("**Reading**\n" + "\n".join(reading))
    if week.lab:
        _lab(week.lab)
    questions = "\n".join(f"- {syllabus.asked(item)}" for item in week.self_check)
    st.markdown(f"**Self-check**\n{questions}")
    common.demo_link(Demo("practice", "The answers, among the questions of Practice", {}), width="content")


def _lab(name: str) -> None:
    """Downloads of a notebook and of its solution, which holds the rubric."""
    lab = labs.labs()[name]
    st.markdown(
        f"**{lab.title}.** Students need `pip install .` in a clone, and Jupyter. Gaps are checked by the notebook."
    )
    with st.container(horizontal=True, gap="small"):
        for label, path, kind in (
            ("Notebook", lab.student, "lab"),
            ("Solution and rubric", lab.solution, "solution"),
        ):
            st.download_button(
                label, path.read_bytes, f"{kind}-{path.name}", _NOTEBOOK, key=f"{kind}-{name}", on_click="ignore",
                icon=":material/download:",
            )  # fmt: skip


def named(part: PartOfPlan) -> str:
    """A plan with its minutes, and its phases where not all are taken."""
    phases = f": {', '.join(part.only)}" if part.only else ""
    return f"“{part.plan.title}” ({part.minutes} min{phases})"


def sheet() -> str:
    """The whole syllabus as an HTML page for the printer."""
    body = "".join(map(_section, syllabus.weeks()))
    return printing.sheet("diffviz: a course of six weeks", _CSS, f"<h1>A course of six weeks</h1>{body}")


def _section(week: Week) -> str:
    def listed(texts: list[str]) -> str:
        return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in texts) + "</ul>"

    reading = [f"{r.paper.cite}, {r.paper.title}, {r.paper.where}. {r.what}" for r in week.reading]
    lab = f"<p><b>Lab.</b> {html.escape(labs.labs()[week.lab].title)}</p>" if week.lab else ""
    return (
        f"<section><h2>Week {week.number} · {html.escape(week.title)}</h2>{listed(list(week.objectives))}</section>"
        f"<p><b>Lessons.</b> {html.escape('; '.join(f'{BY_SLUG[d.page].title}: {d.label}' for d in week.lessons))}</p>"
        f"<p><b>Class.</b> {html.escape(' · '.join(map(named, week.plans)))}. {html.escape(week.session)}</p>"
        f"<p><b>Reading.</b></p>{listed(reading)}"
        f"{lab}<p><b>Self-check.</b></p>{listed([syllabus.asked(item) for item in week.self_check])}"
    )

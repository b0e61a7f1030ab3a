"""Every link from a question, a plan, the syllabus, a misconception or a term opens its page in the state that it names."""

from collections.abc import Iterator

import pytest
from helpers import control_keys, open_folds, open_page

from diffviz.lessons import content, glossary, syllabus

State = tuple[str, tuple[tuple[str, str], ...]]  # a page, and what the address says beside it


def links() -> Iterator[tuple[State, bool]]:
    """The states that are linked to, and whether the page may have something to say there."""
    demos = [item.demo for kind in content.KINDS for item in content.load(kind) if item.demo]
    demos += [demo for plan in content.plans() for phase in plan.phases for demo in phase.demos]
    demos += [demo for week in syllabus.weeks() for demo in week.lessons]
    for demo in demos:
        yield (demo.page, tuple(sorted(demo.state.items()))), False
    for entry in glossary.entries().values():
        if entry.page:
            yield (entry.page, tuple(sorted(entry.state.items()))), False
    # The run that refutes a misconception may have a word that the network lacks: that is what is to be seen there.
    for wrong in content.misconceptions().values():
        if wrong.demo:
            yield (wrong.demo.page, tuple(sorted(wrong.demo.state.items()))), True


LINKS = dict(
    sorted(links(), key=lambda link: (link[0], not link[1]))
)  # where one may not say anything, none may


OPENED: set[str] = (
    set()
)  # the folds that have been opened once: what is in them is much the same on every link


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "state", "may_speak"),
    [(*link, may_speak) for link, may_speak in LINKS.items()],
    ids=["-".join([page, *(value for _, value in state)]) for page, state in LINKS],
)
def test_a_link_opens_a_page_that_reads_every_key_of_its_state_and_takes_its_value(
    page, state, may_speak, request
):
    if page != "unet":  # which shows what the blocks of the network give: they must be run
        request.getfixturevalue("idle_network")
    app = open_page(page, dict(state))
    assert not [w.value for w in app.warning if not may_speak or "The link asks for" in w.value]
    assert {key for key, _ in state} <= control_keys(app)
    OPENED.update(open_folds(app, *OPENED))

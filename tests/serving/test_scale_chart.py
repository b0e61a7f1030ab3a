"""The chart of the cores that a class needs, of what the measurement keeps."""

import xml.etree.ElementTree as ET

from bench import scale

KEPT = {
    "machine": "a processor & two cores", "load": 3.5, "model": "emoji64", "steps": 30, "rounds": 3, "page_runs": 8,
    "every": 60.0, "move": 10.0, "wait": 2.0, "measured": [],
    "served": {name: {"mean": mean, "cv2": 0.01} for name, mean in (("page", 1.2), ("network", 0.7), ("batches", 0.6))},
}  # fmt: skip


def lines(kept):
    """Height of each line at its right end, the largest class."""
    paths = [p.attrib["d"] for p in ET.fromstring(scale.chart(kept)).iter("{http://www.w3.org/2000/svg}path")]
    return [float(d.split()[-1]) for d in paths if "L" in d]


def test_it_says_what_was_measured_on_which_machine_and_how_often():
    said = " ".join(ET.fromstring(scale.chart(KEPT)).itertext())
    for part in (
        KEPT["machine"],
        "8 runs of a page",
        "3 batches",
        "load average 3.5",
        "emoji64, 30 steps",
        *KEPT["served"],
    ):
        assert part in said


def test_a_slower_page_needs_more_cores_and_is_drawn_higher():
    slower = {**KEPT, "served": {**KEPT["served"], "page": {"mean": 2.4, "cv2": 0.01}}}
    before, after = lines(KEPT), lines(slower)
    assert after[0] < before[0] and after[1:] == before[1:]
    need, more = (
        scale.needed(3000, scale.Service(**k["served"]["page"]), 60.0, 10.0, 2.0) for k in (KEPT, slower)
    )
    assert 1.8 < more.cores / need.cores < 2.1

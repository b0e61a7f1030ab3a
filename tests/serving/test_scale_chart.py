"""What the measurement of scale keeps, and the chart and the table of the README that are made of it."""

import json
import re
import xml.etree.ElementTree as ET

from helpers import ROOT

from bench import scale
from diffviz.serving.queueing import Service


def test_the_chart_is_the_one_that_the_file_gives():
    drawn = scale.chart(json.loads(scale.FOUND.read_text()))
    assert scale.CHART.read_text() == drawn
    said = " ".join(ET.fromstring(drawn).itertext())
    kept = json.loads(scale.FOUND.read_text())
    assert kept["machine"] in said and all(name in said for name in kept["served"])
    assert f"{kept['page_runs']} runs" in said and f"{kept['rounds']} batches" in said


def test_a_slower_page_is_drawn_higher():
    kept = json.loads(scale.FOUND.read_text())
    name = next(iter(kept["served"]))
    before = scale.chart(kept)
    kept["served"][name]["mean"] *= 2

    def ends(svg):
        paths = [p.attrib["d"] for p in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")]
        return [float(d.split()[-1]) for d in paths if "L" in d]

    assert ends(scale.chart(kept))[0] < ends(before)[0] and ends(scale.chart(kept))[1:] == ends(before)[1:]


def test_the_readme_has_the_figures_of_the_file():
    kept = json.loads(scale.FOUND.read_text())
    readme = (ROOT / "README.md").read_text()
    assert "bench/scale.svg" in readme
    rows = {
        int(students.replace(",", "")): cells
        for students, *cells in re.findall(
            r"^\| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", readme, re.M
        )
    }
    assert set(rows) == {30, 300, 3000}
    for students, cells in rows.items():
        for said, service in zip(cells, kept["served"].values(), strict=True):
            need = scale.needed(students, Service(**service), kept["every"], kept["move"], kept["wait"])
            assert abs(float(said) - need.cores) <= (0.5 if need.cores >= 10 else 0.05), (
                students,
                said,
                need.cores,
            )

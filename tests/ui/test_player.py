import json
import re
import struct

import numpy as np
import pytest
from helpers import open_page

from diffviz.diffusion.samplers import ddim, make_generators, randn_per_seed, timesteps
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.export import runs
from diffviz.models import checkpoints
from diffviz.paths import PACKAGE
from diffviz.pipelines.trajectory import Trajectory, record
from diffviz.ui import charts
from diffviz.ui.components import player
from diffviz.ui.components.gallery import image_url
from diffviz.ui.components.player import Chart, Mark, Panel, Plane, PlanePath, pack, snr_text, still
from diffviz.ui.live import panels, readouts


def unpack(payload):
    (n,) = struct.unpack("<I", payload[:4])
    return json.loads(payload[4 : 4 + n]), payload[4 + n :]


def frames(n=5, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), np.uint8)


def simple(n=5, **more):
    panel = Panel("x", "a label", "state", frames(n))
    return pack([panel], [str(i) for i in range(n)], [f"frame {i}" for i in range(n)], "A run", **more)


def test_the_header_says_where_each_image_ends():
    two = [Panel("a", "", "signal", frames()), Panel("b", "", "noise", frames(seed=1))]
    header, rest = unpack(pack(two, ["r"] * 5, ["c"] * 5, "Two"))
    assert sum(p["bytes"] for p in header["panels"]) == len(rest)
    for panel in header["panels"]:
        assert rest[:8] == b"\x89PNG\r\n\x1a\n"
        rest = rest[panel["bytes"] :]


def test_the_first_frame_shown_can_count_from_the_end():
    assert unpack(simple(5))[0]["start"] == 4
    assert unpack(simple(5, start=2))[0]["start"] == 2


def test_until_the_player_is_there_its_place_shows_the_frame_that_it_begins_with():
    panel = Panel("xₜ", "noisy", "state", frames(5), at_end=("x₀", "finished"))
    for start, frame in ((2, 2), (0, 0), (-1, 4), (30, 0)):  # counted round, as by `pack`
        shown = player.first_frame([panel], start)
        assert image_url(panel.frames[frame]) in shown
        assert ("finished" in shown) == (frame == 4)


def test_a_run_is_known_by_its_images():
    assert unpack(simple())[0]["run"] == unpack(simple())[0]["run"]
    assert unpack(simple(5))[0]["run"] != unpack(simple(6))[0]["run"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "limit"), [(checkpoints.QUICK, 500_000), (checkpoints.SHARP, 1_500_000)])
def test_fifty_steps_of_three_panels_are_sent_at_native_size(name, limit):
    """Two of the panels are mostly noise, which no format makes smaller: what counts is the number of pixels."""
    schedule, shipped = SCHEDULES["cosine"], checkpoints.load(name)
    denoise = shipped.conditioned(["cat face"], ["noto"], schedule)
    run = record(
        ddim(denoise, randn_per_seed(make_generators([0]), shipped.shape), timesteps(50), schedule), schedule
    )[0]
    payload = pack(panels(run), readouts(run, 50), ["c"] * 51, "A run")
    assert len(payload) <= limit
    assert unpack(payload)[0]["frames"] == 51


def test_panels_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        pack(
            [Panel("a", "", "state", frames(4)), Panel("b", "", "state", frames(5))], ["r"] * 4, ["c"] * 4, ""
        )
    with pytest.raises(ValueError, match="do not match"):
        pack([Panel("a", "", "state", frames(4))], ["r"] * 3, ["c"] * 4, "")


def test_charts_carry_no_infinities_into_json():
    chart = Chart("log SNR", "text", [np.inf, 0.0, -np.inf], ["∞", "0", "-∞"], (-12, 12))
    header, _ = unpack(
        pack([Panel("a", "", "state", frames(3))], ["r"] * 3, ["c"] * 3, "", t=[0, 0.5, 1], charts=[chart])
    )
    assert header["charts"][0]["values"] == [12, 0, -12]


def test_what_is_locked_is_blurred_in_the_player_and_while_it_is_computed():
    panels = [Panel("a", "", "signal", frames(1)), Panel("b", "", "noise", frames(1, seed=1), locked=True)]
    header, _ = unpack(pack(panels, ["r"], ["c"], "Two"))
    assert [p["locked"] for p in header["panels"]] == [False, True]
    classes = re.findall(r'<img class="([^"]*)"', still(panels, "c"))
    assert ["locked" in c.split() for c in classes] == [False, True]


def test_the_last_state_of_a_run_is_titled_as_the_image_it_is_and_that_of_a_stopped_run_is_not():
    denoiser = checkpoints.load(checkpoints.QUICK)
    x = randn_per_seed(make_generators([0]), denoiser.shape)
    schedule = SCHEDULES["cosine"]
    steps = list(ddim(lambda x, t: x.clamp(-1, 1), x, timesteps(3), schedule))
    titles = []
    for kept, settings in ((steps, {}), (steps[:-1], {}), (steps, {"strength": 0.5})):
        shown = panels(record(kept, schedule, settings)[0], planned=3)
        header, _ = unpack(pack(shown, ["r"] * len(kept), ["c"] * len(kept), "A run"))
        titles.append([p["at_end"] for p in header["panels"]])
        assert f"<b>{(shown[0].at_end or ['xₜ'])[0]}</b>" in still(shown, "the newest frame")
    finished = "the finished image"
    assert titles == [[["x₀", finished], None, None], [None] * 3, [["result", finished], None, None]]


def test_marks_and_paths_reach_the_browser_as_they_were_given():
    path = PlanePath("DDIM", np.array([[0.0, 1.0], [2.0, 3.0]]), [0, 0, 1], series=2)
    plane = Plane("Paths", ("one", "two"), [PlanePath("reference", np.zeros((2, 2))), path])
    header, _ = unpack(
        simple(3, marks=[Mark(2, "here", filled=False)], button="Fix", lanes=True, plane=plane)
    )
    assert header["marks"] == [{"frame": 2, "text": "here", "filled": False}]
    assert (header["button"], header["lanes"]) == ("Fix", True)
    reference, walked = header["plane"]["paths"]
    assert reference["series"] is None
    assert walked == {"name": "DDIM", "series": 2, "points": [[0, 1], [2, 3]], "newest": [0, 0, 1]}
    assert unpack(simple(3))[0]["plane"] is None


def test_the_series_of_a_plane_have_the_dashes_and_marks_of_the_charts():
    script = (PACKAGE / "ui" / "components" / "player" / "plane.js").read_text(encoding="utf-8")
    for name, series in (("DASHES", charts.SERIES_DASHES), ("MARKS", charts.SERIES_MARKS)):
        listed = script.partition(f"const {name} = Object.values({{")[2].partition("}")[0]
        assert tuple(re.findall(r'"([a-z-]+)":', listed)) == series


@pytest.mark.parametrize(
    ("log_snr", "text"),
    [
        (np.inf, "∞"),
        (-np.inf, "0"),
        (0, "1"),
        (np.log(0.123), "0.12"),
        (np.log(1234), "1234"),
        (-30, "under 0.0001"),
    ],
)
def test_ratios_are_written_for_readers(log_snr, text):
    assert snr_text(log_snr) == text


def test_the_live_image_escapes_what_it_is_told():
    page = still([Panel("<script>", "x", "state", frames(1))], "a & b")
    assert "<script>" not in page and "a &amp; b" in page


def test_a_file_is_made_when_it_is_asked_for_and_not_when_a_page_runs(monkeypatch, idle_network):
    def refuse(*args, **more):
        raise AssertionError("nobody asked for a file")

    for name in ("gif", "webp", "strip"):
        monkeypatch.setattr(player, name, refuse)
    for name in ("npz", "notebook", "bibtex"):
        monkeypatch.setattr(runs, name, refuse)
    monkeypatch.setattr(Trajectory, "png", refuse)
    app = open_page("reverse", {"steps": "2"})
    app.run()
    assert not app.exception
    offered = [button.proto.label for button in app.get("download_button")]
    assert offered == [
        "GIF",
        "WebP",
        "Strip of frames",
        "PNG with settings",
        "Run as .npz",
        "Code as a notebook",
        "Cite this",
    ]


@pytest.mark.slow
def test_a_page_without_a_run_offers_its_frames_and_what_to_cite(idle_network):
    app = open_page("forward", {"T": "10"})
    offered = [button.proto.label for button in app.get("download_button")]
    assert offered == ["GIF", "WebP", "Strip of frames", "Cite this"]

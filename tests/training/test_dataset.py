import numpy as np
import pytest
from PIL import Image

from diffviz.training import build_dataset as build
from diffviz.training import sources
from diffviz.training.sources import SOURCES


def caption(label="cat face", group="animals-nature", subgroup="animal-mammal"):
    return {"label": label, "keywords": [], "group": group, "subgroup": subgroup}


@pytest.mark.parametrize(
    ("hexcode", "given", "reason"),
    [
        ("1F431", caption(), None),
        ("1F431", None, "no caption"),
        ("1F1E9-1F1EA", caption("flag", "flags", "country-flag"), "flag"),
        ("1F44B-1F3FB", caption("waving hand", "people-body", "hand-fingers-open"), "skin tone"),
        ("0031-20E3", caption("keycap: 1", "symbols", "keycap"), "letter, arrow or sign"),
        ("1F595", caption("middle finger", "people-body", "hand-single-finger"), "rude gesture or lettering"),
    ],
)
def test_what_is_left_out_and_why(hexcode, given, reason):
    assert build.why_left_out(hexcode, given, skin_tones=False) == reason


def test_skin_tones_can_be_put_back():
    hand = caption("waving hand: light", "people-body", "hand-fingers-open")
    assert build.why_left_out("1F44B-1F3FB", hand, skin_tones=True) is None


def test_one_pair_in_twenty_is_held_out_and_always_the_same():
    codes = [f"1F{k:03X}" for k in range(4000)]
    held = [build.is_held_out(c, "noto") for c in codes]
    assert 0.04 < np.mean(held) < 0.06
    assert held == [build.is_held_out(c, "noto") for c in codes]
    assert held != [build.is_held_out(c, "blob") for c in codes]


def test_sets_that_share_drawings_are_held_out_together():
    assert {s.style for s in SOURCES if s.drawing == "fluent"} == {"flat", "gradient", "3d"}


def test_every_source_names_a_fixed_version_and_a_licence():
    assert len(SOURCES) == 7
    for s in SOURCES:
        assert s.version[0].isdigit() and s.licence in {"Apache-2.0", "MIT", "CC-BY-4.0"}


def test_code_points_are_written_one_way():
    assert sources.canonical("1f469-200d-2695-fe0f") == "1F469-200D-2695"
    assert sources.canonical("00a9") == "A9"


def test_names_are_slugs():
    assert sources.slug("man’s shoe") == "mans-shoe"
    assert sources.slug("piñata") == "pinata"


def test_old_icon_names_are_found_through_their_aliases_and_flips_are_not():
    icons = {
        "width": 8,
        "height": 8,
        "icons": {
            "bear-face": {"body": '<rect width="8" height="8" fill="#f00"/>'},
            "hand-left": {"body": "<g/>"},
            "nobody": {"body": "<g/>"},
        },
        "aliases": {"bear": {"parent": "bear-face"}, "hand-right": {"parent": "hand-left", "hFlip": True}},
    }
    found = dict(sources._iconify(icons, {"bear": "1F43B", "hand-right": "1F449"}))
    assert list(found) == ["1F43B"]
    assert sources.on_white(found["1F43B"](4)).tolist() == [[[255, 0, 0]] * 4] * 4


def test_edges_are_mixed_with_white_and_not_with_what_is_hidden():
    # Half a pixel of red over transparent black: pink on white, with no dark rim.
    image = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    image.putpixel((0, 1), (255, 0, 0, 255))
    assert sources.on_white(sources._fit(image, 1)).ravel().tolist() == pytest.approx([255, 127, 127], abs=1)


@pytest.mark.parametrize("folder", ["", "128"])
def test_the_shipped_samples_are_all_attributed(folder):
    import json

    samples = build.ASSETS / "samples" / folder
    records = json.loads((samples / "attribution.json").read_text())
    files = {p.name for p in samples.glob("*.png")}
    assert {r["file"] for r in records} == files and len(files) == 24
    for r in records:
        source = next(s for s in SOURCES if s.style == r["style"])
        assert source.licence in r["attribution"] and source.package in r["attribution"]

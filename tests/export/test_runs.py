"""A run saved as files can be read back, and its notebook computes the very picture again."""

import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image, ImageSequence

from diffviz.export import runs
from diffviz.imaging import samples
from diffviz.lessons import glossary
from diffviz.models import checkpoints
from diffviz.paths import CITATION
from diffviz.pipelines import editing
from diffviz.pipelines.editing import Img2ImgSettings, InpaintSettings
from diffviz.pipelines.text_to_image import Settings, sample_trajectory
from diffviz.pipelines.trajectory import webp
from diffviz.ui import live

QUICK = checkpoints.QUICK
PLAIN = Settings("red heart", "noto", seed=3, steps=4, guidance=2.5, model=QUICK)


@pytest.fixture(scope="module")
def run():
    return sample_trajectory(PLAIN)


def pixels():
    return samples.pixels("cat-face-noto.png", checkpoints.load(QUICK).image_size)


def edits():
    image = pixels()
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[:, : len(mask) // 2] = 1
    common = {
        "prompt": "fox",
        "style": "noto",
        "seed": 1,
        "steps": 4,
        "model": QUICK,
        "image": image.tobytes(),
    }
    return Img2ImgSettings(**common, strength=0.6), InpaintSettings(
        **common, mask=mask.tobytes(), resampling_steps=2
    )


def executed(notebook):
    """The names that the code cells of a notebook leave, run one after another as Jupyter would."""
    cells = json.loads(notebook)["cells"]
    names = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # what a learner does with it
    return names


@pytest.mark.parametrize(
    "settings",
    [
        PLAIN,
        dataclasses.replace(PLAIN, sampler="ddpm", schedule="linear", negative="blue", interval=(0.2, 0.8)),
        Settings('a "quoted" \\ prompt', steps=2, guidance=1, model=QUICK),
    ],
    ids=["plain", "all settings", "odd prompt"],
)
def test_the_code_of_a_notebook_computes_the_picture_to_the_bit(settings):
    expected = sample_trajectory(settings)
    found = executed(runs.notebook(settings))["run"]
    assert np.array_equal(np.asarray(found.image), np.asarray(expected.image))
    assert np.array_equal(found.x, expected.x) and np.array_equal(found.eps, expected.eps)


@pytest.mark.parametrize("edit", edits(), ids=["img2img", "inpaint"])
def test_the_notebook_of_an_edit_brings_its_image_and_mask(edit):
    steps = (editing.inpaint_steps if isinstance(edit, InpaintSettings) else editing.img2img_steps)(edit)
    *_, last = steps
    found = executed(runs.notebook(edit))["run"]
    assert np.array_equal(found.x[-1], last.x[0].numpy())


def test_a_notebook_is_of_the_format_and_nothing_of_a_prompt_is_read_as_markup():
    whole = json.loads(runs.notebook(dataclasses.replace(PLAIN, prompt="<b>*red*</b>"), "0123abcd"))
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in whole["cells"]}) == len(whole["cells"])
    for cell in whole["cells"]:
        assert ("outputs" in cell) == (cell["cell_type"] == "code")
    first = "".join(whole["cells"][0]["source"])
    assert "<b>" not in first and "*" not in first and "0123abcd" in first


def test_the_arrays_of_a_run_are_read_back_by_numpy_without_pickle(run):
    with np.load(io.BytesIO(runs.npz(run)), allow_pickle=False) as file:
        assert set(file.files) == set(runs.KEYS)
        for name in ("x", "x0", "eps"):
            assert np.array_equal(file[name], getattr(run, name))
        assert np.array_equal(file["frames"][-1], np.asarray(run.image))
        assert np.array_equal(file["timesteps"], run.t)
        assert json.loads(str(file["settings"]))["prompt"] == "red heart"
        assert all(f"{key}: " in str(file["about"]) for key in runs.KEYS)


def test_a_png_holds_the_prompt_and_settings_and_the_picture_itself(run):
    image = Image.open(io.BytesIO(run.png(zoom=2)))
    assert image.text["Description"] == "red heart" and image.text["Seed"] == "3"
    assert json.loads(image.text["diffviz:settings"])["guidance"] == 2.5
    assert np.array_equal(np.asarray(image)[::2, ::2], np.asarray(run.image))


def test_a_webp_keeps_every_colour_of_every_frame_and_rests_on_the_last(run):
    frames = run.frames("x")
    animation = Image.open(io.BytesIO(webp([frames, run.frames("x0")], zoom=2)))
    assert animation.n_frames == len(frames)
    for shown, frame in zip(ImageSequence.Iterator(animation), frames, strict=True):
        assert np.array_equal(np.asarray(shown.convert("RGB"))[::2, : 2 * frame.shape[1] : 2], frame)


@pytest.mark.slow
def test_the_finished_image_of_a_long_run_is_saved_to_the_bit():
    """Long runs are kept at half precision."""
    settings = dataclasses.replace(PLAIN, steps=live.EXACT_STEPS + 2)
    exact = sample_trajectory(settings)
    kept = live.Run(settings, list(live.sample_steps(settings)))
    kept.finish()
    assert (
        kept.nbytes < exact.x.nbytes * 5
    )  # of which there are five: x, x0, eps and the two that guidance uses
    assert np.array_equal(kept.trajectory().x[-1], exact.x[-1])


def test_what_to_cite_is_the_project_and_the_papers_of_the_lesson():
    made, cff = runs.bibtex("reverse"), CITATION.read_text(encoding="utf-8")
    assert made.startswith("@software{diffviz,")
    for value in ("diffviz: a browser-based teaching visualizer of diffusion models", "The diffviz authors"):
        assert value in made and value in cff
    papers = [glossary.papers()[r.paper] for r in glossary.lessons()["reverse"].read]
    assert papers and all(paper.title in made and paper.url in made for paper in papers)
    assert made.count("@") == 1 + len(papers)
    assert runs.bibtex() == runs.bibtex("no such lesson") and runs.bibtex().count("@") == 1


@pytest.mark.parametrize("lesson", glossary.lessons())
def test_every_entry_has_an_author_a_title_and_a_year_and_its_braces_match(lesson):
    for entry in runs.bibtex(lesson).split("\n@"):
        assert entry.count("{") == entry.count("}")
        assert all(f"  {name} = {{" in entry for name in ("author", "title", "year"))
        assert "et al" not in entry and "&" not in entry.replace("\\&", "")

"""The commands as a user gives them: what they write, what they say, and what they refuse in a sentence."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

import diffviz
from diffviz import cli
from diffviz.cli import main
from diffviz.models import checkpoints

FAST = ["--model", checkpoints.QUICK, "--steps", "3"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cat(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)).save("cat-in.png")
    return "cat-in.png"


@pytest.fixture
def left_half():
    marks = np.zeros((48, 48), np.uint8)
    marks[:, :24] = 9  # far from white, and not black: marked
    Image.fromarray(marks).save("mask.png")
    return "mask.png"


@pytest.mark.parametrize(("name", "frames"), [("cat.gif", 4), ("cat.png", 1)])
def test_generate_writes_what_it_says(capsys, name, frames):
    assert main(["generate", "cat face", "--style", "noto", "--seed", "0", "--out", name, *FAST]) == 0
    with Image.open(name) as image:
        assert getattr(image, "n_frames", 1) == frames
        assert image.width == 32 * 6
    assert name in capsys.readouterr().out


def test_the_same_command_writes_the_same_bytes(tmp_path):
    for name in ("a.gif", "b.gif"):
        main(["generate", "octopus", "--seed", "5", "--out", name, *FAST])
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_a_png_says_how_it_was_made_and_can_be_made_again_from_that():
    main(["generate", "red heart", "--seed", "7", "--out", "heart.png", *FAST])
    with Image.open("heart.png") as image:
        assert image.text["Description"] == "red heart" and image.text["Seed"] == "7"
        assert image.text["Software"] == f"diffviz {diffviz.__version__}"
        settings = json.loads(image.text["diffviz:settings"])
        shown = np.asarray(image)[::6, ::6]
    again = diffviz.generate(**{**settings, "interval": tuple(settings["interval"])})
    assert np.array_equal(np.asarray(again.image), shown)


def test_the_command_takes_the_networks_own_guidance_scale_unless_it_names_one():
    for named, w in ((["--guidance", "2"], 2), ([], checkpoints.manifest()["emoji128"].guidance)):
        main(["generate", "red heart", "--model", "emoji128", "--steps", "1", "--out", "heart.png", *named])
        with Image.open("heart.png") as image:
            assert json.loads(image.text["diffviz:settings"])["guidance"] == w


def test_img2img_keeps_more_of_the_image_at_a_lower_strength(cat):
    given = np.asarray(Image.open(cat).resize((32, 32), Image.Resampling.BOX)).astype(int)
    gaps = []
    for strength in ("0.1", "0.9"):
        assert (
            main(
                ["img2img", cat, "red heart", "--strength", strength, "--zoom", "1", "--out", "o.png", *FAST]
            )
            == 0
        )
        gaps.append(np.abs(np.asarray(Image.open("o.png")).astype(int) - given).mean())
    assert gaps[0] < gaps[1]


def test_inpaint_leaves_what_is_black_in_the_mask(cat, left_half, capsys):
    given = np.asarray(Image.open(cat).resize((32, 32), Image.Resampling.BOX)).astype(int)
    assert (
        main(["inpaint", cat, "red heart", "--mask", left_half, "--zoom", "1", "--out", "o.png", *FAST]) == 0
    )
    gap = np.abs(np.asarray(Image.open("o.png")).astype(int) - given)
    assert gap[:, 16:].max() <= 1 and gap[:, :16].mean() > 5
    assert "6 network evaluations" in capsys.readouterr().out  # 3 steps, guided
    settings = json.loads(Image.open("o.png").text["diffviz:settings"])
    assert settings["sampler"] == "ddpm"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--style", "oil"], "noto"),
        (["--steps", "0"], "steps"),
        (["--out", "cat.bmp"], ".gif"),
        (["--out", "no/such/folder/cat.gif"], "folder"),
        (["--out", "."], "folder"),
        (["--zoom", "100000"], "zoom"),
        (["--zoom", "0"], "zoom"),
        (["--zoom", "32", "--steps", "1000", "--out", "cat.gif"], "million pixels"),
        (["--eta", "0.5", "--sampler", "euler"], "eta"),
        (["--guidance", "nan"], "guidance"),
    ],
    ids=str,
)
def test_what_cannot_be_done_gets_one_clear_line_before_anything_is_computed(
    monkeypatch, capsys, arguments, says
):
    monkeypatch.setattr("diffviz.pipelines.text_to_image.sample", lambda *_: pytest.fail("a run was begun"))
    assert main(["generate", "cat", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["generate", "cat", "--sampler", "magic"], "ddim"),
        (["generate", "cat", "--seed", "1.5"], "--seed"),
        (["export", "papyrus"], "anki"),
        (["inpaint", "cat.png", "dog"], "--mask"),
    ],
    ids=str,
)
def test_what_no_command_takes_is_refused_with_its_usage(capsys, arguments, says):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.png", "text.png"])
def test_an_image_that_cannot_be_read_is_named(tmp_path, capsys, name):
    (tmp_path / "text.png").write_text("no image")
    assert main(["img2img", name, "fox"]) == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        (["octapus"], "octopus"),
        (["cat", "--negative", "octapus"], "negative: the network does not know “octapus”"),
        (["猫"], "“猫”"),
        (["🐈"], "no word of it"),
        (["cat face red heart star moon sun tree fish bird house apple dog"], "takes 11 words"),
    ],
    ids=str,
)
def test_what_of_a_prompt_is_left_out_is_said(capsys, prompts, says):
    assert main(["generate", *prompts, "--out", "o.png", "--model", checkpoints.QUICK, "--steps", "1"]) == 0
    assert says in capsys.readouterr().err


def test_a_prompt_that_is_known_is_not_remarked_on(shipped):
    assert not list(cli.remarks(shipped.vocabulary, "a cat face with sunglasses"))
    assert not list(cli.remarks(shipped.vocabulary, ""))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("app", ["--port", "8501"]),
        (
            "generate",
            ["dpmpp_2m", "cosine", "log-snr", "(default: ddim)", "(default: 30)", "twemoji", "emoji32"],
        ),
        ("generate", [f"{entry.guidance:g} of {name}" for name, entry in checkpoints.manifest().items()]),
        ("img2img", ["--strength", "(default: 0.7)", "heun"]),
        ("inpaint", ["--mask", "--resampling-steps", "(default: 1)"]),
        ("export", ["moodle", "(default: handouts)", "one of first,"]),
    ],
)
def test_help_lists_choices_and_defaults(capsys, command, says):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert all(word in shown for word in says)


def test_the_version_is_the_packages():
    done = subprocess.run(
        [sys.executable, "-m", "diffviz", "--version"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.startswith(f"diffviz {diffviz.__version__} ")


@pytest.mark.parametrize(("set_to", "threads"), [(None, "1"), ("3", "3")])
def test_it_computes_on_one_thread_unless_told_otherwise(monkeypatch, capsys, set_to, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if set_to:
        monkeypatch.setenv("OMP_NUM_THREADS", set_to)
    assert main(["generate", "cat", "--steps", "0"]) == 2  # refused, and nothing is computed
    assert os.environ["OMP_NUM_THREADS"] == threads


def test_the_list_of_commands_costs_no_torch():
    code = "import sys, diffviz.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)


def test_app_runs_streamlit_on_the_lessons(monkeypatch):
    seen = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: seen.append(command) or 0)
    assert main(["app", "--port", "9000", "--headless"]) == 0
    (command,) = seen
    assert command[1:4] == ["-m", "streamlit", "run"] and command[4].endswith("app.py")
    assert command[command.index("--server.port") + 1] == "9000"
    assert command[command.index("--server.headless") + 1] == "true"


def test_app_leaves_it_to_streamlit_whether_there_is_a_display(monkeypatch):
    seen = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: seen.append(command) or 0)
    assert main(["app"]) == 0
    assert "--server.headless" not in seen[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "99999999"], "between 0 and 65535"),
        (["--port", "-1"], "between 0 and 65535"),
        (["--address", "not-an-address"], "--address not-an-address"),
        (["--address", "a" * 64], "listen"),  # longer than a name may be
        (["--address", "192.0.2.1"], "listen"),  # an address of documents, which no computer has
    ],
    ids=str,
)
def test_app_refuses_in_a_sentence_what_it_cannot_listen_on(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(cli.subprocess, "call", lambda command: pytest.fail("Streamlit was started"))
    assert main(["app", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_a_mask_that_would_fill_the_memory_is_refused_in_a_sentence(cat, capsys):
    for size in ((20_000, 10_000), (9_000, 9_000)):
        Image.new("1", size).save("huge.png")
        assert main(["inpaint", cat, "red heart", "--mask", "huge.png", "--out", "o.png", *FAST]) == 2
        assert "pixels: up to 40,000,000 can be used" in capsys.readouterr().err


def test_a_mask_that_breaks_off_is_named(tmp_path, cat, left_half, capsys):
    whole = (tmp_path / left_half).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: whole.index(b"IDAT") + 10])
    assert main(["inpaint", cat, "red heart", "--mask", "cut.png", "--out", "o.png", *FAST]) == 2
    error = capsys.readouterr().err
    assert "cut.png breaks off" in error and error.count("\n") == 1
    assert main(["inpaint", cat, "red heart", "--mask", "none.png", "--out", "o.png", *FAST]) == 2
    assert "none.png: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["cat\udcff"], ["cat", "--negative", "d\udce9g"]], ids=ascii)
def test_a_prompt_that_is_not_utf8_is_refused_before_anything_is_computed(monkeypatch, capsys, arguments):
    monkeypatch.setattr("diffviz.pipelines.text_to_image.sample", lambda *_: pytest.fail("a run was begun"))
    assert main(["generate", *arguments, "--out", "o.png"]) == 2
    assert "is not text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["labs", "anki", None])
def test_a_plan_is_refused_where_nothing_is_made_of_plans(tmp_path, capsys, kind):
    assert main(["export", *([kind] if kind else []), "--plan", "first"]) == 2
    assert "--plan is for slides and worksheets" in capsys.readouterr().err
    assert not (tmp_path / "handouts").exists()


def test_an_interrupted_command_ends_as_a_shell_expects(monkeypatch, capsys):
    def stopped(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "generate", cli.COMMANDS["generate"]._replace(run=stopped))
    assert main(["generate", "cat face", "--out", "o.png"]) == cli.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err

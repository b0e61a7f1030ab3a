import pytest
from PIL import Image

from diffviz.__main__ import main
from diffviz.models import checkpoints


@pytest.mark.parametrize(("name", "frames"), [("cat.gif", 5), ("cat.png", 1)])
def test_generate_writes_what_it_says(tmp_path, capsys, name, frames):
    out = tmp_path / name
    assert (
        main(["generate", "cat face", "--style", "noto", "--steps", "4", "--seed", "0", "--out", str(out)])
        == 0
    )
    with Image.open(out) as image:
        assert getattr(image, "n_frames", 1) == frames
        assert image.width == checkpoints.load().shape[-1] * 6
    assert str(out) in capsys.readouterr().out


def test_the_same_command_writes_the_same_bytes(tmp_path):
    files = [tmp_path / "a.gif", tmp_path / "b.gif"]
    for f in files:
        main(["generate", "octopus", "--steps", "3", "--seed", "5", "--out", str(f)])
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--style", "oil"], "noto"),
        (["--steps", "0"], "steps"),
        (["--out", "cat.bmp"], ".gif"),
        (["--out", "no/such/folder/cat.gif"], "folder"),
        (["--sampler", "magic"], "ddim"),
    ],
)
def test_a_wrong_argument_gets_one_clear_line(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "cat", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_an_unknown_word_is_named_with_its_nearest(tmp_path, capsys):
    assert main(["generate", "octapus", "--steps", "1", "--out", str(tmp_path / "o.png")]) == 0
    assert "octopus" in capsys.readouterr().err

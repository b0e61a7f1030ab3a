"""The images on the cards are what the command draws, of the shipped weights, and no two the same."""

import json

import numpy as np
import pytest
from PIL import Image

from diffviz.export import EVERYTHING, pictures
from diffviz.export.selection import CARD_KINDS
from diffviz.models import checkpoints
from diffviz.training import build_card_pictures

LISTING = json.loads((pictures.FOLDER / "pictures.json").read_text(encoding="utf-8"))


def pixels(name):
    with Image.open(pictures.FOLDER / f"{name}.png") as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_listed_images_are_those_in_the_folder_and_belong_to_cards():
    assert {p.stem for p in pictures.FOLDER.glob("*.png")} == set(LISTING["pictures"])
    assert set(LISTING["pictures"]) == set(build_card_pictures.PICTURES)
    assert set(LISTING["pictures"]) <= {item.id for item in EVERYTHING.items(*CARD_KINDS)}


def test_no_two_cards_carry_the_same_image_or_description():
    alternatives = list(LISTING["pictures"].values())
    assert len(set(alternatives)) == len(alternatives) and min(map(len, alternatives)) > 30
    seen = {pixels(name).tobytes() for name in LISTING["pictures"]}
    assert len(seen) == len(LISTING["pictures"])


def test_the_shipped_weights_drew_them():
    """After a change of weights, run `python -m diffviz.training.build_card_pictures`."""
    assert LISTING["weights_sha256"] == checkpoints.manifest()[LISTING["model"]].sha256


@pytest.mark.parametrize("name", ["card-forward", "iv-snr", "check-task"])
def test_the_command_draws_the_image_that_is_there(name):
    ((_, sheet),) = build_card_pictures.drawn([name])
    assert sheet.alt == LISTING["pictures"][name]
    drawn = np.asarray(
        Image.open(build_card_pictures.io.BytesIO(build_card_pictures.png(sheet))).convert("RGB")
    )
    shown = pixels(name)
    assert drawn.shape == shown.shape
    # Processors round sums differently, and a palette follows its image: a few grey levels, not another image.
    assert np.abs(drawn.astype(int) - shown).mean() < 2
    assert np.abs(np.roll(drawn, 128, axis=1).astype(int) - shown).mean() > 20


def test_drawing_leaves_the_callers_threads_alone():
    import torch

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        list(build_card_pictures.drawn(["iv-snr"]))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)

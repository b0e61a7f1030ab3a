"""Drawings mirrored and repainted: the caption stays true, and the test of new combinations stays a test."""

import colorsys

import numpy as np
import pytest
import torch

from diffviz.models.text_encoder import tokenize
from diffviz.training import augment
from diffviz.training.prompts import NOVEL_24


def disc(rgb, size=32):
    """A disc of one colour on white with a black rim: (3, S, S) in [-1, 1]."""
    y, x = np.mgrid[:size, :size] - size / 2
    far = np.hypot(x, y)
    image = np.full((size, size, 3), 255, np.uint8)
    image[far < size * 0.45] = 0
    image[far < size * 0.40] = rgb
    return torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1


def hue(image, y=16, x=16):
    """Hue of a pixel on Pillow's scale of 256."""
    return 256 * colorsys.rgb_to_hsv(*((image[:, y, x] + 1) / 2).tolist())[0]


def test_only_drawings_that_stay_true_are_mirrored():
    assert augment.mirrors("cat face", "cat-face")
    assert not augment.mirrors("thumbs up", "hand-fingers-closed")
    assert not augment.mirrors("first quarter moon", "sky-weather")
    assert not augment.mirrors("backhand index pointing left", "hand-single-finger")


@pytest.mark.parametrize("colour", augment.HUES)
def test_a_repainted_drawing_has_the_hue_that_was_asked_for(colour):
    away = abs(hue(augment.recolour(disc((250, 200, 30)), colour)) - augment.HUES[colour])
    assert min(away, 256 - away) <= 4


def test_white_and_black_stay_when_a_drawing_is_repainted():
    before, after = disc((250, 200, 30)), augment.recolour(disc((250, 200, 30)), "blue")
    assert torch.equal(after[:, 0, 0], before[:, 0, 0])
    rim = (slice(None), 16, 2)
    assert torch.equal(after[rim], before[rim])


def test_drawings_of_several_colours_or_of_none_are_left_alone():
    two = disc((250, 30, 30))
    two[:, :, 16:] = disc((30, 80, 250))[:, :, 16:]
    assert augment.recolour(two, "green") is None
    assert augment.recolour(disc((128, 128, 128)), "green") is None
    assert augment.recolour(disc((90, 60, 50)), "green") is None  # brown


def test_a_label_that_names_a_colour_keeps_it():
    assert not augment.recolours("red apple")
    assert not augment.recolours("rainbow")
    assert augment.recolours("banana")


def test_the_caption_names_the_new_colour_and_no_other():
    assert augment.in_colour(["banana", "yellow", "fruit"], "blue") == ["blue", "banana", "fruit"]


@pytest.mark.parametrize("prompt", [p for p, _ in NOVEL_24])
def test_the_combinations_of_the_model_card_are_never_made(prompt):
    words = tokenize(prompt)
    for colour in augment.HUES:
        made = augment.in_colour([*words, "fruit"], colour)
        assert made is None or not set(words) <= set(made)

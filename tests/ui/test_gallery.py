"""Rows of images: whole pixels, and no markup from what they are called."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from diffviz.ui.components import gallery


@pytest.mark.parametrize(
    ("side", "wanted", "shown"), [(32, 96, 96), (64, 96, 128), (64, 224, 256), (64, 10, 64)]
)
def test_pixels_are_enlarged_by_whole_numbers(side, wanted, shown):
    assert gallery.side_of(np.zeros((side, side, 3), np.uint8), wanted) == shown


def test_the_url_of_an_image_holds_the_very_image():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    kind, data = gallery.image_url(image).split(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), image)


def test_titles_and_notes_are_text_and_never_markup():
    shown = gallery.row([np.zeros((8, 8, 3), np.uint8)], ["<b>x</b>"], ["a & <script>"])
    assert "<b>x</b>" not in shown and "&lt;b&gt;x&lt;/b&gt;" in shown
    assert "<script>" not in shown


def test_a_row_of_nothing_is_empty_and_no_error():
    assert "<img" not in gallery.row([], [], [])

import base64
import io
import urllib.request

import numpy as np
import pytest
from PIL import Image

from diffviz.imaging.encoding import data_url, encode_png


@pytest.mark.parametrize("kind", ["noise", "one colour", "stripes"])
def test_a_png_holds_the_very_pixels(kind):
    image = {
        "noise": np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8),
        "one colour": np.full((24, 36, 3), (3, 200, 7), np.uint8),
        "stripes": np.tile(np.arange(36, dtype=np.uint8)[None, :, None], (24, 1, 3)),
    }[kind]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(image)))), image)


def test_a_png_of_noise_is_hardly_larger_than_with_the_usual_search_for_repetitions():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    usual = io.BytesIO()
    Image.fromarray(noise).save(usual, "PNG")
    assert len(encode_png(noise)) <= 1.05 * len(usual.getvalue())


def test_a_data_url_opens_as_the_very_file_and_says_its_kind():
    content = bytes(range(256))
    url = data_url(content, "image/svg+xml")
    with urllib.request.urlopen(url) as answer:  # Python's own reader of such URLs
        assert answer.read() == content and answer.headers["content-type"] == "image/svg+xml"
    assert data_url(content) == "data:image/png;base64," + base64.b64encode(content).decode()

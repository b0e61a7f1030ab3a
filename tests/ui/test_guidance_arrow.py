"""What the arrow's payload holds: both predictions, exactly enough to extrapolate from."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from diffviz.ui.components import guidance_arrow


def unpack(payload):
    (length,) = struct.unpack_from("<I", payload)
    header = json.loads(payload[4 : 4 + length])
    shape = (2, header["steps"], 3, *header["size"])
    return header, np.frombuffer(payload[4 + length :], "<i2").reshape(shape) * header["unit"]


@pytest.mark.parametrize("largest", [1.0, 2.5])  # predictions on latents are not clipped
def test_an_extrapolation_from_what_is_sent_is_that_of_the_predictions_to_a_fraction_of_a_level(largest):
    cond, uncond = np.random.default_rng(0).uniform(-largest, largest, (2, 4, 3, 8, 6))
    header, (sent_uncond, sent_cond) = unpack(guidance_arrow.pack(cond, uncond, scale=3.0))
    assert header["size"] == [8, 6] and header["scale"] == 3.0
    sent = sent_uncond + 10 * (sent_cond - sent_uncond)
    error = np.abs(sent - (uncond + 10 * (cond - uncond))).max()
    assert 0 < error < 0.0004 * largest


def test_decoded_predictions_are_found_by_step_and_scale():
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 6, 3), np.uint8)
    payload = guidance_arrow.pack_decoded(guidance_arrow.Decoded((0.0, 1.0, 3.0), images), scale=3.0)
    (length,) = struct.unpack_from("<I", payload)
    header = json.loads(payload[4 : 4 + length])
    sheet = np.asarray(Image.open(io.BytesIO(payload[4 + length :])))
    assert header["scales"] == [0.0, 1.0, 3.0] and header["steps"] == 4 and header["size"] == [8, 6]
    for step in range(4):
        for k in range(3):
            row, column = divmod(step * 3 + k, header["columns"])  # as the script does
            assert np.array_equal(sheet[8 * row : 8 * row + 8, 6 * column : 6 * column + 6], images[step, k])


@pytest.mark.parametrize("scales", [(0.0, 1.0), (1.0, 0.0, 3.0), (0.0, 2.0, 3.0), (0.0, 1.0, 1.0)])
def test_scales_that_do_not_fit_are_refused(scales):
    with pytest.raises(ValueError, match="rising scales"):
        guidance_arrow.pack_decoded(guidance_arrow.Decoded(scales, np.zeros((4, 3, 8, 6, 3), np.uint8)))


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (3, 8, 8), (4, 3, 8, 6)])
def test_predictions_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="two predictions"):
        guidance_arrow.pack(np.zeros((4, 3, 8, 8)), np.zeros(shape))

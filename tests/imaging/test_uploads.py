import contextlib
import io
import itertools
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffviz.imaging import uploads
from diffviz.imaging.pixels import from_uint8
from diffviz.imaging.uploads import UploadError


def encode(image, kind="PNG", **more):
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def colours(mode="RGB", size=(40, 30)):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_are_read(kind):
    upload = uploads.read(encode(colours(), kind))
    assert upload.image.mode == "RGB"
    assert upload.image.size == (40, 30)
    assert upload.remarks == ()


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_other_colour_modes_become_rgb(mode):
    assert (
        uploads.read(
            encode(colours().convert("RGBA" if mode in ("RGBA", "LA") else "RGB").convert(mode))
        ).image.mode
        == "RGB"
    )


def test_print_colours_work_and_are_remarked_on():
    upload = uploads.read(encode(colours("CMYK"), "JPEG"))
    assert upload.image.mode == "RGB"
    assert "CMYK" in upload.remarks[0]


def test_sixteen_bits_are_scaled_and_not_cut_to_white():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    upload = uploads.read(encode(Image.fromarray(ramp)))
    grey = np.asarray(upload.image)[..., 0]
    assert grey.min() == 0 and grey.max() == 255
    assert 100 < grey.mean() < 155


def test_see_through_parts_are_laid_on_white():
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    assert np.asarray(uploads.read(encode(clear)).image).min() == 255


def test_of_an_animation_the_first_frame_is_used_and_said():
    frames = [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    upload = uploads.read(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert np.asarray(upload.image)[0, 0, 0] > 200
    assert "animation" in upload.remarks[0]


def test_a_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me right by a quarter"
    assert uploads.read(encode(colours(), "JPEG", exif=exif)).image.size == (30, 40)


def bomb():
    """A valid PNG header that promises 50,000 × 50,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"these are words, not an image", "not an image"),
        (encode(colours(), "PNG")[:300], "breaks off"),
        (encode(colours(), "JPEG")[:400], "breaks off"),
        (encode(colours(), "GIF"), "GIF"),
        (encode(colours(), "BMP"), "BMP"),
        (encode(Image.new("L", (1, 50))), "single line"),
        (encode(Image.new("1", (7000, 7000))), "40 million"),
        (bomb(), "too many pixels"),
        (b"\x00" * (uploads.MAX_BYTES + 1), "10 MB"),
    ],
    ids=["empty", "text", "cut-png", "cut-jpeg", "gif", "bmp", "line", "large", "bomb", "heavy"],
)  # fmt: skip
def test_what_cannot_be_used_gets_one_clear_sentence(data, says):
    with pytest.raises(UploadError) as error:
        uploads.read(data)
    assert says in str(error.value)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def reference(picture, factor):
    """Area averages in float64; the last of a row or column may be of fewer pixels."""
    values = np.asarray(picture, np.float64)
    rows = [values[y : y + factor] for y in range(0, values.shape[0], factor)]
    return np.array(
        [[r[:, x : x + factor].mean((0, 1)) for x in range(0, values.shape[1], factor)] for r in rows]
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_a_large_image_is_reduced_by_area_averaging(monkeypatch, mode):
    monkeypatch.setattr(uploads, "MAX_SIDE", 32)
    picture = colours(size=(95, 61)).convert(mode)
    small = np.asarray(uploads.read(encode(picture)).image).astype(float)
    assert small.shape == (21, 32, 3)
    assert np.abs(small - reference(picture.convert("RGB"), 3)).max() <= 1


def test_a_large_image_of_sixteen_bits_is_reduced_and_scaled(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SIDE", 32)
    deep = np.random.default_rng(0).integers(0, 65536, (61, 95), np.uint16)
    small = np.asarray(uploads.read(encode(Image.fromarray(deep))).image)[..., 0].astype(float)
    assert np.abs(small - reference(deep, 3) / 65535 * 255).max() <= 1


def test_a_dark_image_of_sixteen_bits_stays_dark_when_it_is_reduced(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SIDE", 8)
    deep = np.zeros((32, 32), np.uint16)
    deep[::4, ::4] = 2000  # 125 on average: read anew, that would be half of 255
    assert np.asarray(uploads.read(encode(Image.fromarray(deep))).image).max() <= 1


@pytest.mark.parametrize("value", [200, 255, 256])
def test_sixteen_bits_are_sixteen_bits_however_dark(value):
    upload = uploads.read(encode(Image.fromarray(np.full((16, 16), value, np.uint16))))
    assert np.asarray(upload.image).max() == 1


@pytest.mark.parametrize("most", [1024, 8], ids=["whole", "reduced"])
def test_the_transparent_colour_of_sixteen_bits_is_laid_on_white(monkeypatch, most):
    monkeypatch.setattr(uploads, "MAX_SIDE", most)
    deep = np.full((16, 16), 20_000, np.uint16)
    deep[:, ::2] = 30_000
    upload = uploads.read(encode(Image.fromarray(deep), transparency=30_000))
    grey = np.asarray(upload.image)[..., 0].astype(float)
    expected = np.where(deep == 30_000, 255, 20_000 / 257)
    assert np.abs(grey - reference(expected, 16 // len(grey))).max() <= 1


def test_the_transparent_colour_of_sixteen_bits_is_not_marked_in_a_mask():
    deep = np.array([[0, 3, 30_000, 40_000]] * 2, np.uint16)
    picture = Image.open(io.BytesIO(encode(Image.fromarray(deep), transparency=30_000)))
    assert uploads.mask(picture).tolist() == [[False, True, False, True]] * 2


def test_clear_pixels_lend_their_colour_to_none_when_an_image_is_reduced(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SIDE", 8)
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, ::2] = (255, 0, 0, 255)  # opaque red beside black that is wholly clear
    small = np.asarray(uploads.read(encode(Image.fromarray(pixels))).image)
    assert np.abs(small.astype(int) - (255, 127, 127)).max() <= 1


def test_a_large_photograph_is_turned_upright_too(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SIDE", 16)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert uploads.read(encode(colours(), "PNG", exif=exif)).image.size == (10, 14)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures with the module resource")
def test_a_small_file_of_many_pixels_does_not_fill_the_memory():
    """6,000 × 6,000 pixels of 16 bits in some 70 kB: 893 MB once."""
    data = encode(Image.fromarray(np.zeros((6000, 6000), np.uint16)))
    assert len(data) < 100_000
    code = (
        "import resource, sys; from diffviz.imaging import uploads; data = sys.stdin.buffer.read();"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before = peak(); print(uploads.read(data).image.size); print((peak() - before) / 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True, cwd=ROOT)
    size, grown = run.stdout.decode().splitlines()
    assert size == "(1000, 1000)" and float(grown) < 250  # MB


def test_images_are_decoded_one_at_a_time(monkeypatch):
    at_once, most = [], []
    real = uploads._reduce

    def slowly(picture):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.02)
        at_once.pop()
        return real(picture)

    monkeypatch.setattr(uploads, "_reduce", slowly)
    threads = [threading.Thread(target=uploads.read, args=(encode(colours()),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6 and max(most) == 1


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(data):
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP"):
        with contextlib.suppress(UploadError):
            assert uploads.read(start + data).image.mode == "RGB"


@given(st.integers(2, 300), st.integers(2, 300), st.floats(0.5, 20), st.floats(-1, 2), st.floats(-1, 2))
def test_the_crop_is_a_square_inside_the_image(width, height, zoom, across, down):
    left, top, right, bottom = uploads.crop(Image.new("L", (width, height)), zoom, across, down)
    assert right - left == bottom - top >= 2
    assert left >= 0 and top >= 0 and right <= width and bottom <= height


def test_the_crop_is_as_large_as_fits_and_in_the_middle_to_half_a_pixel():
    for width, height in itertools.product(range(2, 40), repeat=2):
        left, top, right, bottom = uploads.crop(Image.new("1", (width, height)))
        assert right - left == bottom - top == min(width, height)
        assert abs(left + right - width) <= 1 and abs(top + bottom - height) <= 1


@pytest.mark.parametrize("size", [32, 64])
def test_marks_at_another_size_cover_each_pixel_that_they_touch_at_any_ratio(size):
    for side in range(2, 2 * size + 3):
        wider = side % 3  # than high; the middle square begins at half of that
        for y, x in np.random.default_rng(side).integers(0, side, (4, 2)):
            marks = np.zeros((side, side + wider))
            marks[y, x + wider // 2] = 1
            touched = (
                [i for i in range(size) if at * size < (i + 1) * side and (at + 1) * size > i * side]
                for at in (y, x)
            )
            found = uploads.cover(marks, size)
            assert found.shape == (size, size)
            assert [tuple(place) for place in np.argwhere(found)] == list(itertools.product(*touched))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1)])
def test_a_mark_of_one_pixel_covers_all(shape):
    assert uploads.cover(np.ones(shape), 4).all() and not uploads.cover(np.zeros(shape), 4).any()


def test_resizing_averages_areas():
    checker = Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    assert np.abs(uploads.resize(checker, 32).astype(int) - 127).max() <= 1


def test_model_values_span_minus_one_to_one():
    values = from_uint8(np.array([[[0, 128, 255]]], np.uint8))
    assert values.shape == (3, 1, 1)
    assert values.ravel().tolist() == pytest.approx([-1, 0.0039, 1], abs=1e-3)


def turned(image, orientation, **tags):
    """A JPEG whose EXIF tag asks for a turn, and has other tags."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for tag, value in tags.items():
        exif[int(tag.removeprefix("t"))] = value
    return encode(image, "JPEG", exif=exif, quality=95)


def test_a_tag_of_the_wrong_type_does_not_cost_the_image():
    good = turned(colours(), 6, t296=2)
    where = (
        good.index(b"\x01\x28\x00\x03") if b"\x01\x28\x00\x03" in good else good.index(b"\x28\x01\x03\x00")
    )
    kind = where + (3 if good[where] == 1 else 2)
    odd = good[:kind] + b"\x02" + good[kind + 1 :]  # ResolutionUnit as a text
    assert uploads.read(odd).image.size == uploads.read(good).image.size == (30, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_pillow_would(orientation):
    from PIL import ImageOps

    with Image.open(io.BytesIO(turned(colours(), orientation))) as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
        upright = uploads.upright(picture)
    assert np.array_equal(np.asarray(upright), wanted)
    assert uploads.upright(upright) is upright  # turned once and no more


def test_a_jpeg_with_other_images_after_it_is_read_as_its_first():
    data = encode(colours(), "MPO", save_all=True, append_images=[colours().rotate(180)])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    upload = uploads.read(data)
    assert upload.remarks == () and upload.image.size == (40, 30)


def test_an_image_that_would_shrink_to_a_line_is_refused():
    with pytest.raises(UploadError, match="too narrow"):
        uploads.read(encode(colours(size=(3000, 2))))
    assert uploads.read(encode(colours(size=(3000, 4)))).image.size == (1000, 2)


@pytest.mark.parametrize("mode", ["RGB", "YCbCr", "HSV", "CMYK"])
def test_black_is_not_marked_in_a_mask_of_any_colours(mode):
    picture = Image.new("RGB", (4, 2))
    picture.putpixel((1, 1), (200, 30, 90))
    assert uploads.mask(picture.convert(mode)).nonzero() == ([1], [1])
    with pytest.raises(ValueError, match="convert it to RGB"):
        uploads.mask(Image.new("LAB", (4, 2)))

"""What holds in every test of the files to hand out."""

import pytest


@pytest.fixture(autouse=True)
def every_glyph_is_in_the_font(caplog):
    """A letter that a PDF's font lacks is printed as an empty box, of which fpdf2 only warns."""
    yield
    warned = [record.getMessage() for record in caplog.get_records("call")]
    assert not [line for line in warned if "missing the following glyphs" in line]

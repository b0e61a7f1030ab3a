"""Files sent compressed: the same bytes for every browser, the work done once."""

import asyncio
import gzip

import pytest
from helpers import run
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from diffviz.serving import compression

SCRIPT = b"const words = ['noise', 'image'];\n" * 400
FILES = {
    "a.js": SCRIPT,
    "b.css": b"p { color: red }\n" * 400,
    "small.js": b"1",
    "a.html": b"<p>here</p>" * 400,
}
GZIP = {"Accept-Encoding": "br, gzip"}


@pytest.fixture
def compressed(monkeypatch):
    """The files that were compressed, in order."""
    done = []
    real = gzip.compress
    monkeypatch.setattr(
        compression.gzip, "compress", lambda data, level: (done.append(data), real(data, level))[1]
    )
    return done


@pytest.fixture
def client(tmp_path, compressed):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    routes = [Mount("/static", StaticFiles(directory=tmp_path))]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(compression.CompressedFiles)]))


def test_a_script_and_a_style_take_fewer_bytes_and_are_the_same_when_unpacked(client):
    for name in ("a.js", "b.css"):
        answer = client.get(f"/static/{name}", headers=GZIP)
        assert answer.headers["content-encoding"] == "gzip" and answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) < len(FILES[name]) / 10
        assert answer.content == FILES[name]


def test_a_file_is_compressed_once_by_whatever_address_it_is_asked_for(client, compressed):
    for path in ("a.js", "a.js?again=1", "./a.js"):
        assert client.get(f"/static/{path}", headers=GZIP).content == SCRIPT
    assert compressed == [SCRIPT]


def test_a_file_that_many_ask_for_at_once_is_compressed_once(client, compressed):
    scope = {"type": "http", "method": "GET", "path": "/static/a.js", "root_path": "", "query_string": b""}

    async def ask():
        sent = []

        async def receive():
            return await asyncio.Event().wait()  # a browser that says nothing more

        async def send(message):
            sent.append(message)

        await client.app({**scope, "headers": [(b"accept-encoding", b"gzip")]}, receive, send)
        return gzip.decompress(sent[-1]["body"])

    async def ask_at_once():
        return await asyncio.gather(*(ask() for _ in range(8)))

    assert run(ask_at_once()) == [SCRIPT] * 8
    assert compressed == [SCRIPT]


def test_a_file_that_has_changed_is_sent_anew(client, tmp_path):
    client.get("/static/a.js", headers=GZIP)
    (tmp_path / "a.js").write_bytes(SCRIPT[::-1] + b"//")
    assert client.get("/static/a.js", headers=GZIP).content == SCRIPT[::-1] + b"//"


@pytest.mark.parametrize("encodings", ["", "br", "gzip;q=0", "br, gzip; q=0.0, identity"])
def test_who_does_not_take_gzip_gets_the_file_as_it_is(client, encodings):
    answer = client.get("/static/a.js", headers={"Accept-Encoding": encodings})
    assert "content-encoding" not in answer.headers and answer.content == SCRIPT


@pytest.mark.parametrize("encodings", ["gzip;q=0.5", "GZIP, br", "deflate,gzip;q=1.0,*;q=0.5"])
def test_gzip_is_taken_however_it_is_offered(client, encodings):
    answer = client.get("/static/a.js", headers={"Accept-Encoding": encodings})
    assert answer.headers["content-encoding"] == "gzip"


def test_other_answers_pass_as_they_are(client, compressed):
    assert "content-encoding" not in client.get("/static/small.js", headers=GZIP).headers
    assert "content-encoding" not in client.get("/static/a.html", headers=GZIP).headers
    assert client.get("/static/nothing.js", headers=GZIP).status_code == 404
    assert client.head("/static/a.js", headers=GZIP).headers["content-length"] == str(len(SCRIPT))
    part = client.get("/static/a.js", headers={**GZIP, "Range": "bytes=0-9"})
    assert part.status_code == 206 and part.content == SCRIPT[:10]
    assert not compressed


def test_a_browser_that_has_the_file_is_told_so(client):
    tag = client.get("/static/a.js", headers=GZIP).headers["etag"]
    answer = client.get("/static/a.js", headers={**GZIP, "If-None-Match": tag})
    assert answer.status_code == 304 and not answer.content

"""A denoiser elsewhere: the same numbers as here, nothing but numbers on the wire, and runs that go on without it."""

import contextlib
import http.client
import http.server
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

import numpy as np
import psutil
import pytest
import torch
import uvicorn
from helpers import ROOT, open_page
from safetensors.torch import save

from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints, denoiser
from diffviz.models.denoiser import by_torch
from diffviz.models.unet import UNet, same_weights
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.serving import denoiser_app, engine, remote, wire

RUN = Settings(prompt="cat face", model=checkpoints.QUICK, steps=8, guidance=1.0, seed=5)
NEAR = 1e-5  # float32, summed in another order in a larger batch


@pytest.fixture(autouse=True)
def embedded_again(monkeypatch):
    monkeypatch.setattr(engine, "_remote", None)
    yield
    denoiser.evaluate_by(None)


@contextlib.contextmanager
def served(app):
    """An ASGI application on a port of its own; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url():
    with served(denoiser_app.asgi()) as address:
        yield address


@pytest.fixture(scope="module")
def quick():
    return checkpoints.load(checkpoints.QUICK)


def refuse(*_):
    raise AssertionError("it was evaluated here")


@contextlib.contextmanager
def pointed(url, embedded=refuse, **more):
    """A client of the server at this address, which ends its connections."""
    by = remote.Remote(url, embedded, **more)
    try:
        yield by
    finally:
        by.close()


def asked(quick, batch=2, seed=0):
    x = torch.randn(batch, *quick.shape, generator=torch.Generator().manual_seed(seed))
    tokens = quick.tokens((["cat face", ""] * batch)[:batch], ([None, "noto"] * batch)[:batch])
    return x, torch.linspace(0.2, 1.3, batch), tokens


def test_it_evaluates_as_the_network_here_does(url, quick):
    with pointed(url) as by:
        for batch in (1, 4):
            given = asked(quick, batch)
            with torch.inference_mode():
                here = by_torch(quick.net, *given)
                assert (by.evaluate(quick.net, *given) - here).abs().max() < NEAR
        assert not by.away


def test_requests_that_come_together_are_answered_each_with_its_own(quick):
    networks, sha = denoiser_app.Networks(), checkpoints.manifest()[checkpoints.QUICK].sha256
    requests = [asked(quick, batch, seed) for seed, batch in enumerate((1, 3, 2))]
    with torch.inference_mode():
        answers = networks.evaluate([(sha, wire.Request(*given)) for given in requests])
        for given, answer in zip(requests, answers, strict=True):
            assert (answer.v - by_torch(quick.net, *given)).abs().max() < NEAR
            assert answer.attention is None


def test_what_is_not_plain_and_what_does_not_ship_stays_here(url, quick, tiny):
    here = []
    by = remote.Remote(url, lambda net, *given: here.append(net) or net(*given))
    watched = same_weights(quick.net)
    by.evaluate(watched, *asked(quick))  # a copy may have been changed
    x = torch.randn(1, *tiny.shape)
    by.evaluate(tiny.net, x, torch.ones(1), tiny.tokens(["cat"], [None]))
    handle = quick.net.middle[0].register_forward_hook(lambda *_: None)  # as for recorded attention
    try:
        by.evaluate(quick.net, *asked(quick))
    finally:
        handle.remove()
    assert here == [watched, tiny.net, quick.net]


@pytest.mark.parametrize("kind", ["self", "cross"])
def test_attention_on_request_is_that_of_the_network_here(url, quick, kind, monkeypatch):
    by = engine.use_remote(url)
    schedule, x, t = SCHEDULES["cosine"], asked(quick, 11)[0], torch.linspace(0.1, 0.9, 11)
    tokens = quick.tokens(["cat face"] * 11, [None] * 11)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(denoiser, "attend_by_torch", refuse)
        there = quick.attention(x, t, tokens, schedule, kind)  # in pieces of 8
    denoiser.evaluate_by(None)
    here = quick.attention(x, t, tokens, schedule, kind)
    assert there.shape == here.shape and (there - here).abs().max() < NEAR and not by.away
    by.close()


class AnswersX(http.server.BaseHTTPRequestHandler):
    """Answers every request with its x, and never with attention weights."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = wire.pack_answer(wire.Answer(wire.unpack_request(body).x))
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def test_attention_is_computed_here_while_the_server_is_away_or_answers_without_it(quick):
    given = (*asked(quick), "cross")
    with running(AnswersX) as address, pointed(address) as by, torch.inference_mode():
        for _ in range(2):  # the second time it is not even asked
            v, weights = by.attend(quick.net, *given)
            here = denoiser.attend_by_torch(quick.net, *given)
            assert torch.equal(v, here[0]) and torch.equal(weights, here[1]) and by.away


def test_the_server_says_where_attention_would_be_too_long(url, quick, monkeypatch):
    body = changed(quick, attention=torch.tensor([0]))
    monkeypatch.setattr(wire, "MAX_BYTES", 60_000)
    status, sentence = post(url, wire.path(checkpoints.manifest()[checkpoints.QUICK].sha256), body)
    assert status == 400 and "ask for fewer images" in sentence


def test_a_run_goes_on_here_while_the_server_is_away(quick):
    now = [100.0]
    with socket.socket() as nobody:  # bound, and not listening: refused at once
        nobody.bind(("127.0.0.1", 0))
        by = remote.Remote(f"http://127.0.0.1:{nobody.getsockname()[1]}", by_torch, clock=lambda: now[0])
        predict = quick.conditioned(["cat face"], [None], SCHEDULES["cosine"])
        x, t = asked(quick, 1)[0], torch.full((1,), 0.6, dtype=torch.float64)
        expected = predict(x, t)
        denoiser.evaluate_by(by.evaluate)
        assert torch.equal(predict(x, t), expected) and by.away
        now[0] += remote.RETRY_SECONDS + 1
        assert not by.away
        assert torch.equal(predict(x, t), expected) and by.away


def test_it_is_asked_again_on_a_new_connection_when_the_old_one_was_closed(quick):
    connections = []

    class OncePerConnection(AnswersX):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            connections.append(self.client_address)
            super().do_POST()
            self.close_connection = True  # without a word to the client

    with running(OncePerConnection) as address, pointed(address) as by:
        for _ in range(3):
            given = asked(quick)
            assert torch.equal(by.evaluate(quick.net, *given), given[0])
    assert len(set(connections)) == 3 and not by.away


@contextlib.contextmanager
def running(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"out of memory"),
        (200, b""),
        (200, pickle.dumps({"v": 1})),
        (200, save({"v": torch.zeros(1, 3, 4, 4)})),
        (200, save({"v": torch.full((2, 3, 32, 32), float("nan"))})),
        (200, save({"w": torch.zeros(2, 3, 32, 32)})),
        (200, save({"v": torch.zeros(2, 3, 32, 32, dtype=torch.float64)})),
        (200, b"\0" * (wire.MAX_BYTES + 1)),
    ],
    ids=["error", "empty", "pickle", "shape", "not a number", "name", "precision", "too long"],
)
def test_any_other_answer_counts_as_none(quick, status, body):
    class Odd(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with running(Odd) as address, pointed(address, by_torch) as by:
        given = asked(quick)
        with torch.inference_mode():
            assert torch.equal(by.evaluate(quick.net, *given), by_torch(quick.net, *given))
    assert by.away


def post(url, path, body):
    host, port = re.fullmatch(r"http://(.+):(\d+)", url).groups()
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def changed(quick, **parts):
    x, t, tokens = asked(quick)
    return save({"x": x, "t": t, "tokens": tokens, **parts})


def test_the_server_refuses_what_is_no_request(url, quick):
    sha = checkpoints.manifest()[checkpoints.QUICK].sha256
    evaluate = wire.path(sha)
    x, t, tokens = asked(quick)
    for body, says in (
        (b"", "not in the format"),
        (pickle.dumps([1]), "not in the format"),
        (changed(quick, more=t), "and nothing else"),
        (changed(quick, attention=torch.tensor([2])), "0 .self. or 1 .cross."),
        (changed(quick, attention=torch.tensor([0, 1])), "0 .self. or 1 .cross."),
        (changed(quick, attention=torch.tensor([0.0])), "attention must have 1 dimensions"),
        (changed(quick, x=x.double()), "x must have 4 dimensions"),
        (changed(quick, t=t[:1]), "each with its noise level"),
        (changed(quick, x=x[:0], t=t[:0], tokens=tokens[:0]), "1 to 64 images"),
        (changed(quick, x=torch.full_like(x, np.inf)), "finite"),
        (changed(quick, x=x[..., :16, :16].contiguous()), r"shape \(B, 3, 32, 32\)"),
        (changed(quick, tokens=tokens[:, :4].contiguous()), "unused ones included"),
        (changed(quick, tokens=tokens - 1), "Tokens of this network"),
        (changed(quick, tokens=tokens + 10**6), "Tokens of this network"),
    ):
        status, sentence = post(url, evaluate, body)
        assert status == 400 and re.search(says, sentence), (says, sentence)
    assert post(url, wire.path("0" * 64), changed(quick))[0] == 404
    assert post(url, "/networks/../etc/passwd", b"")[0] == 404
    assert post(url, evaluate, changed(quick))[0] == 200


def test_the_server_reads_no_more_than_a_request_can_hold(url, quick):
    with contextlib.suppress(ConnectionError):  # it may hang up while the rest is sent
        status, _ = post(url, wire.path("0" * 64), b"\0" * (wire.MAX_BYTES + 1))
        assert status == 413


def test_the_address_is_read_from_the_environment():
    assert remote.from_environment({}) is None
    assert remote.from_environment({"DIFFVIZ_DENOISER_URL": " https://gpu:8000/a/ "}) == "https://gpu:8000/a"
    for bad in (
        "gpu:8000",
        "ftp://gpu",
        "http://",
        "http://gpu:port",
        "http://me:word@gpu",
        "http://gpu?x=1",
    ):
        with pytest.raises(ValueError, match="must be an address"):
            remote.from_environment({"DIFFVIZ_DENOISER_URL": bad})


@pytest.mark.slow
def test_a_page_says_that_the_server_is_away_and_shows_its_run(monkeypatch, idle_network):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine.use_remote(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        app = open_page("reverse", {"steps": "2", "seed": "4321", "net": "32 × 32, quick"})
    assert [w.value for w in app.warning] == [remote.AWAY]
    assert app.session_state["reverse-run"].finished
    monkeypatch.setattr(engine, "_remote", None)
    assert not app.run().warning


def test_a_page_uses_the_server_and_says_nothing(url, monkeypatch):
    by = engine.use_remote(url)
    # What the server itself evaluates goes the same way: told apart by the thread, which is none of a page.
    pages, real = [], UNet.forward

    def forward(self, *given):
        pages.append(threading.current_thread().name)
        return real(self, *given)

    monkeypatch.setattr(UNet, "forward", forward)
    app = open_page("reverse", {"steps": "2", "seed": "4322", "net": "32 × 32, quick", "guidance": "1"})
    assert app.session_state["reverse-run"].finished and not app.warning
    assert pages and all(name.startswith(("asyncio", "uvloop")) for name in pages)
    by.close()


# --- a server that dies ------------------------------------------------------------------------------------


def ray_python():
    """A Python that has Ray: this one, or that of an environment of its own, which DIFFVIZ_RAY_PYTHON names."""
    found = os.environ.get("DIFFVIZ_RAY_PYTHON")
    if found is None and find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the denoiser on Ray, and there is none here")
        pytest.skip(
            "Ray is not installed: pip install '.[ray]', or DIFFVIZ_RAY_PYTHON names a Python that has it"
        )
    return found or sys.executable


@contextlib.contextmanager
def process(module, python=sys.executable):
    """A denoiser as a process of its own: its address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = subprocess.Popen(
        [python, "-m", f"diffviz.serving.{module}", "--port", str(port)], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(3000):
            with contextlib.suppress(OSError, http.client.HTTPException):  # it may not be all there yet
                if post(f"http://127.0.0.1:{port}", "/health", b"")[0] in (200, 405):
                    break
            assert started.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", started
    finally:
        started.terminate()
        started.wait(timeout=60)


def run_with_a_kill(quick, by, kill):
    """The final image of a run that is evaluated elsewhere until, in its middle, `kill` is called."""
    steps = sample_steps(RUN, quick)
    denoiser.evaluate_by(by.evaluate, by.attend)
    for _ in range(4):
        next(steps)
    assert not by.away
    kill()
    *_, last = steps
    denoiser.evaluate_by(None)
    return last.x


@pytest.mark.slow
def test_a_run_finishes_here_when_the_server_is_killed_in_its_middle(quick):
    here = []

    def embedded(*given):
        here.append(1)
        return by_torch(*given)

    with process("denoiser_app") as (address, server), pointed(address, embedded) as by:
        image = run_with_a_kill(quick, by, lambda: (server.kill(), server.wait()))
        assert by.away and len(here) == RUN.steps - 4
    *_, last = sample_steps(RUN, quick)
    assert (image - last.x).abs().max() < 1e-3  # rounding, carried through the run


@pytest.mark.slow
def test_ray_serve_answers_as_the_network_here_does_and_a_run_outlives_its_replica(quick):
    with process("ray_app", ray_python()) as (address, server):
        by, results = remote.Remote(address, refuse, timeout=60), {}

        def one(seed):
            given = asked(quick, 1 + seed % 3, seed)
            with torch.inference_mode():
                results[seed] = (by.evaluate(quick.net, *given) - by_torch(quick.net, *given)).abs().max()

        threads = [threading.Thread(target=one, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 6 and max(results.values()) < NEAR and not by.away
        with torch.inference_mode():
            there, here = (
                f(quick.net, *asked(quick), "cross") for f in (by.attend, denoiser.attend_by_torch)
            )
            assert (there[1] - here[1]).abs().max() < NEAR and not by.away
        by.close()
        sha = checkpoints.manifest()[checkpoints.QUICK].sha256
        assert post(address, wire.path(sha), pickle.dumps([1]))[0] == 400

        def replicas():
            found = psutil.Process(server.pid).children(recursive=True)
            return [p for p in found if any("ServeReplica" in part for part in p.cmdline())]

        with pointed(address, by_torch) as by:
            (replica,) = replicas()
            image = run_with_a_kill(quick, by, replica.kill)
            *_, last = sample_steps(RUN, quick)
            assert (image - last.x).abs().max() < 1e-3
        # Ray starts another one, which answers after a while.
        for _ in range(1800):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if (
                    replicas() not in ([], [replica])
                    and post(address, wire.path(sha), changed(quick))[0] == 200
                ):
                    break
            time.sleep(0.1)
        with pointed(address, refuse, timeout=60) as by, torch.inference_mode():
            given = asked(quick)
            assert (by.evaluate(quick.net, *given) - by_torch(quick.net, *given)).abs().max() < NEAR

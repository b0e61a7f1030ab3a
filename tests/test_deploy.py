"""The files in deploy/: all of it running here while parts of it are killed, and what the files must agree on."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sql
import websocket
from helpers import ROOT
from playwright.sync_api import expect

from bench.load import TARGETS, Target, Visitor, WrongPageError
from diffviz.lessons.pages import LESSONS
from diffviz.lessons.store import FILE
from diffviz.serving import remote

ANY_TIME = 300_000  # ms: what passes waits no longer
DEPLOY = ROOT / "deploy"
QUICK = {"net": "32 × 32, quick", "steps": "2", "part": "Samplers at equal NFE"}  # pages that are soon done
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def haproxy() -> str:
    """The path of HAProxy; skips the test without it."""
    if HAPROXY is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run HAProxy, and there is none here")
        pytest.skip("no HAProxy found: install Debian's package haproxy to run this test")
    return HAPROXY


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def neighbours() -> int:
    """A free port whose two followers are free too."""
    for _ in range(50):
        (port,) = free_ports(1)
        with socket.socket() as one, socket.socket() as two:
            if one.connect_ex(("127.0.0.1", port + 1)) and two.connect_ex(("127.0.0.1", port + 2)):
                return port
    raise AssertionError("no three free ports side by side")


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def wait_for(*ports: int) -> None:
    for _ in range(3000):
        if all(healthy(port) for port in ports):
            return
        time.sleep(0.1)
    raise AssertionError(f"not all of {ports} answer")


@contextmanager
def started(tmp_path: Path, without: str = "") -> Iterator[tuple[str, Path]]:
    """`deploy/local.sh` running with all that is installed, `without` what this names: its address, its folder."""
    haproxy()
    port, first = free_ports(1)[0], neighbours()
    database = tempfile.mkdtemp(prefix="dvpgdata-", dir="/tmp")  # where PostgreSQL's own user may go
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "DIFFVIZ_RUN": str(tmp_path),
        "DIFFVIZ_DATA": str(tmp_path / "answers"),
        "DIFFVIZ_PG_DATA": f"{database}/data",
        "DIFFVIZ_FIRST_PORT": str(first),
        "DIFFVIZ_WITHOUT": without,
    }
    os.chmod(database, 0o755)
    running = subprocess.Popen([DEPLOY / "local.sh", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, first, first + 1)
        yield f"http://127.0.0.1:{port}", tmp_path
    finally:
        running.terminate()
        running.wait(timeout=60)
        shutil.rmtree(database, ignore_errors=True)
    left = [file.stem for file in tmp_path.glob("*.pid") if alive(file)]
    assert not left, f"local.sh left {left} running"
    if (found := tmp_path / "database").exists():
        assert not Path(found.read_text().strip().partition("host=")[2]).exists(), (
            "PostgreSQL's socket is left"
        )


@pytest.fixture
def everything(tmp_path):
    with started(tmp_path) as running:
        yield running


@pytest.fixture
def without_ray(tmp_path):
    """For what the networks have no part in: Ray takes a minute to start."""
    with started(tmp_path, "ray") as running:
        yield running


def answers(folder: Path) -> int:
    """How many answers are kept, in PostgreSQL where it runs, else in the file."""
    found = folder / "database"
    url = found.read_text().strip() if found.exists() else f"sqlite:///{folder / 'answers' / FILE}"
    engine = sql.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
    engine.dispose()
    return count


@contextmanager
def load(port: int, visitors: int = 2):
    """Visitors who move a control of pages with a player all the time; gives a function: how many reruns they had."""
    ended, done = threading.Event(), [0] * visitors

    def one(k: int) -> None:
        while not ended.is_set():
            try:
                visitor = Visitor(port, TARGETS[k % len(TARGETS)])
                with closing(visitor.socket):
                    while not ended.is_set():
                        visitor.move()
                        done[k] += 1
                        visitor.rest(1.0)
            except (OSError, websocket.WebSocketException, WrongPageError):
                ended.wait(1)  # its process is dead: a browser connects again

    threads = [threading.Thread(target=one, args=(k,)) for k in range(visitors)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(done)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def open_page(port: int, slug: str, **link: str) -> list[str]:
    """Open a page in whichever process HAProxy chooses, and see it run to its end without an error; returns its notices."""
    visitor = Visitor(port, Target(slug, link, "", ()))
    with closing(visitor.socket):
        return visitor.texts


def came_to_be(true, seconds: float = 300) -> bool:
    for _ in range(int(seconds * 10)):
        if true():
            return True
        time.sleep(0.1)
    return False


def wait_until(true) -> None:
    assert came_to_be(true), "it never came to be"


def ray_started(folder: Path):
    """Wait until Ray Serve answers; gives a function: how many requests it has served."""
    log, process = folder / "ray.log", folder / "ray.pid"
    up = re.compile(r"^http://", re.M)  # what it prints once it serves
    assert came_to_be(lambda: up.search(log.read_text()) or not alive(process)), log.read_text()[-3000:]
    assert alive(process), log.read_text()[-3000:]
    return lambda: log.read_text().count(" 200 ")


def process_of(context) -> str:
    """Which process HAProxy sends this browser to."""
    (name,) = (c["value"] for c in context.cookies() if c["name"] == "DIFFVIZ_SERVER")
    return name


def alive(file: Path) -> bool:
    try:
        os.kill(int(file.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.browser
@pytest.mark.slow
def test_a_visitor_whose_process_dies_under_load_goes_on_at_another_with_all_answers(without_ray, browser):
    url, folder = without_ray
    with load(int(url.rpartition(":")[2])) as reruns:
        wait_until(lambda: reruns() > 4)
        a_process_dies(url, folder, browser, reruns)


def a_process_dies(url, folder, browser, reruns):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(ANY_TIME)
    page = context.new_page()
    page.goto(f"{url}/practice?way=Scenario+quiz")
    page.get_by_role("radio", name=re.compile("diffusion model")).check(force=True, timeout=ANY_TIME)
    page.get_by_role("button", name="Answer", exact=True).click(timeout=ANY_TIME)
    page.get_by_role("button", name="Next", exact=True).click(timeout=ANY_TIME)
    expect(page.get_by_text("2 of 5")).to_be_visible(timeout=ANY_TIME)
    name = process_of(context)
    page.reload()
    expect(page.get_by_text("2 of 5")).to_be_visible(timeout=ANY_TIME)
    assert process_of(context) == name
    os.kill(int((folder / f"{name}.pid").read_text()), signal.SIGKILL)
    before = reruns()
    # Nobody reloads the page: it connects again by itself, to the process that is left.
    for _ in range(600):
        if process_of(context) != name:
            break
        page.wait_for_timeout(500)
    assert process_of(context) != name
    # A choice made while the page was still being rebuilt is lost; the learner would choose again.
    answer = page.get_by_role("button", name="Answer", exact=True)
    for _ in range(20):
        page.get_by_role("radio", name=re.compile("Coherent images")).check(force=True, timeout=ANY_TIME)
        page.wait_for_timeout(1000)
        if answer.is_enabled():
            break
    answer.click(timeout=ANY_TIME)
    page.get_by_role("button", name="Next", exact=True).click(timeout=ANY_TIME)
    expect(page.get_by_text("3 of 5")).to_be_visible(timeout=ANY_TIME)
    page.reload()
    expect(page.get_by_text("3 of 5")).to_be_visible(timeout=ANY_TIME)
    # Both answers are in the one file or database, each once: the first was given to the process that is dead.
    assert answers(folder) == 2
    wait_until(lambda: reruns() > before)  # the others go on as well
    context.close()


@pytest.mark.slow
def test_every_page_runs_to_its_end_by_ray_and_without_it_once_it_is_gone(everything):
    """What happens to a run whose replica dies in its middle: tests/serving/test_remote.py."""
    url, folder = everything
    port = int(url.rpartition(":")[2])
    if os.environ.get("CI"):  # where all of it has to be there
        assert (folder / "database").exists() and (folder / "ray.pid").exists()
    for lesson in LESSONS:
        open_page(port, lesson.slug, **QUICK)
    if (folder / "ray.pid").exists():
        served, seeds = ray_started(folder), itertools.count(77)

        def by_ray() -> bool:
            before = served()
            open_page(port, "reverse", steps="20", seed=str(next(seeds)))
            return came_to_be(lambda: served() > before, 2)  # its log comes a moment later

        # After a request that failed, while Ray was starting, the pages do not ask for RETRY_SECONDS.
        assert came_to_be(by_ray, 20), (folder / "ray.log").read_text()[-3000:]
        os.kill(int((folder / "ray.pid").read_text()), signal.SIGTERM)
        wait_until(lambda: not alive(folder / "ray.pid"))
        assert remote.AWAY in open_page(port, "reverse", steps="20", seed=str(next(seeds)))


def test_haproxy_accepts_its_configuration():
    environment = {
        "DIFFVIZ_BIND": "127.0.0.1:1",
        "DIFFVIZ_APP1": "127.0.0.1:2",
        "DIFFVIZ_APP2": "127.0.0.1:3",
    }
    subprocess.run([haproxy(), "-c", "-f", DEPLOY / "haproxy.cfg"], env=environment, check=True)


def test_local_says_what_is_missing():
    environment = {**os.environ, "HAPROXY": "no-such-haproxy"}
    found = subprocess.run(
        [DEPLOY / "local.sh"], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 2 and "apt-get install haproxy" in found.stderr


def test_the_image_holds_all_that_the_server_needs():
    copied = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.M)
    taken = {name for line in copied for name in line.split()}
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    whole = {Path(path).parts[0] for path in needed["force-include"]} | set(needed["packages"])
    assert taken == whole | {"requirements.txt"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package in (*extras["postgresql"], *extras["ray"]):
        assert f'"{package}"' in (DEPLOY / "Dockerfile").read_text()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == taken


def test_the_index_that_torch_comes_from_is_the_builders_to_name():
    image, compose = ((DEPLOY / name).read_text() for name in ("Dockerfile", "compose.yaml"))
    assert "\nARG TORCH_INDEX\n" in image  # without a default
    assert '--extra-index-url "$TORCH_INDEX"' in image and "${TORCH_INDEX:?" in compose
    assert not re.findall(r"https?://(?!localhost)\S+", image)


def test_the_image_of_the_pages_asks_nobody_elsewhere_for_its_address():
    image = (DEPLOY / "Dockerfile").read_text()
    (command,) = re.findall(r'^CMD (\["streamlit".+?\])$', image.replace("\\\n", ""), re.M)
    options = json.loads(command)[3:]
    # Listening everywhere and without an address to print, Streamlit asks a server elsewhere for its own.
    assert dict(zip(options[::2], options[1::2], strict=True))["--browser.serverAddress"] == "localhost"

"""The files in deploy/: HAProxy before two Streamlit processes, and what the other files must agree on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from helpers import ROOT
from playwright.sync_api import expect

from diffviz.lessons.store import FILE

DEPLOY = ROOT / "deploy"
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def needs_haproxy():
    if HAPROXY is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run HAProxy, and there is none here")
        pytest.skip("no HAProxy found: install Debian's package haproxy to run this test")


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def neighbours() -> int:
    """A free port whose follower is free too."""
    for _ in range(50):
        (port,) = free_ports(1)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port + 1)):
                return port
    raise AssertionError("no two free ports side by side")


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
            return True
    except OSError:
        return False


def wait_for(*ports: int) -> None:
    for _ in range(600):
        if all(healthy(port) for port in ports):
            return
        time.sleep(0.1)
    raise AssertionError(f"not all of {ports} answer")


@pytest.fixture
def everything(tmp_path):
    """`deploy/local.sh` running: its address, its folder."""
    needs_haproxy()
    port, first = free_ports(1)[0], neighbours()
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "DIFFVIZ_RUN": str(tmp_path),
        "DIFFVIZ_DATA": str(tmp_path / "answers"),
        "DIFFVIZ_FIRST_PORT": str(first),
    }
    running = subprocess.Popen([DEPLOY / "local.sh", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, first, first + 1)
        yield f"http://127.0.0.1:{port}", tmp_path
    finally:
        running.terminate()
        running.wait(timeout=20)
    left = [name for name in ("app1", "app2", "haproxy") if alive(tmp_path / f"{name}.pid")]
    assert not left, f"local.sh left {left} running"


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
def test_a_visitor_whose_process_dies_goes_on_at_another_with_all_answers(everything, browser):
    url, folder = everything
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{url}/practice?way=Scenario+quiz")
    page.get_by_role("radio", name=re.compile("diffusion model")).check(force=True, timeout=60_000)
    page.get_by_role("button", name="Answer", exact=True).click()
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text("2 of 5")).to_be_visible(timeout=30_000)
    name = process_of(context)
    page.reload()
    expect(page.get_by_text("2 of 5")).to_be_visible(timeout=30_000)
    assert process_of(context) == name
    os.kill(int((folder / f"{name}.pid").read_text()), signal.SIGKILL)
    # Nobody reloads the page: it connects again by itself, to the process that is left.
    for _ in range(120):
        if process_of(context) != name:
            break
        page.wait_for_timeout(500)
    assert process_of(context) != name
    # A choice made while the page was still being rebuilt is lost; the learner would choose again.
    answer = page.get_by_role("button", name="Answer", exact=True)
    for _ in range(20):
        page.get_by_role("radio", name=re.compile("Coherent images")).check(force=True, timeout=60_000)
        page.wait_for_timeout(1000)
        if answer.is_enabled():
            break
    answer.click(timeout=10_000)
    page.get_by_role("button", name="Next", exact=True).click(timeout=60_000)
    expect(page.get_by_text("3 of 5")).to_be_visible(timeout=30_000)
    page.reload()
    expect(page.get_by_text("3 of 5")).to_be_visible(timeout=60_000)
    # Both answers are in the one file, each once: the first was given to the process that is dead.
    with closing(sqlite3.connect(folder / "answers" / FILE)) as file:
        assert file.execute("SELECT count(*) FROM events").fetchone() == (2,)
    context.close()


def test_haproxy_accepts_its_configuration():
    needs_haproxy()
    environment = {
        "DIFFVIZ_BIND": "127.0.0.1:1",
        "DIFFVIZ_APP1": "127.0.0.1:2",
        "DIFFVIZ_APP2": "127.0.0.1:3",
    }
    subprocess.run([HAPROXY, "-c", "-f", DEPLOY / "haproxy.cfg"], env=environment, check=True)


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
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == taken

"""Fixtures that several tests share: a tiny untrained network, the shipped one, PostgreSQL, and the app in a browser."""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import sqlalchemy as sql
import streamlit as st
import torch
from helpers import make_tiny
from hypothesis import HealthCheck, settings
from streamlit.components.v2 import manifest_scanner

from bench.browser import CHROMIUM, FLAGS
from bench.server import AppServer
from diffviz.analysis import unet_probe
from diffviz.imaging.encoding import encode_png
from diffviz.models import checkpoints
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import MAX_TOKENS
from diffviz.models.unet import UNet
from diffviz.pipelines import trajectory
from diffviz.ui import cache, live
from diffviz.ui.components import gallery

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start
# Hypothesis fails tests that take long by the clock: on a busy machine every one may.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# AppTest looks through the metadata of every installed package for components at each run of a page, which takes longer
# than most pages do. They are the same each time.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
# Progress that the tests make goes nowhere near the user's own.
os.environ.pop("DIFFVIZ_DATABASE_URL", None)
os.environ["DIFFVIZ_DATA"] = tempfile.mkdtemp(prefix="diffviz-test-")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For a whole round two workers more than there are cores to count on, as browser tests wait half of their time;
    none for single files, where their start costs more than they save."""
    if any(".py" in name for name in config.args):
        return 0
    daily = "not slow" in config.option.markexpr
    return min(2, os.cpu_count() or 1) + (0 if daily else 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test that fails is tried once more: of some two hundred, with more browsers than cores, one in a few
    rounds misses its moment. Two failures count, and the summary names those that needed the second try."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def tiny() -> Denoiser:
    return make_tiny()


@pytest.fixture(scope="session")
def shipped() -> Denoiser:
    """The network in assets/."""
    return checkpoints.load()


@pytest.fixture
def idle_network(monkeypatch) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """The network evaluates to its input, in no time, and images are sent as one pixel: for what is asked of a page and
    not of its images. Gives a function: a context in which the network is evaluated after all."""

    @contextmanager
    def awake() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(UNet, "forward", forward)
            yield

    forward = UNet.forward
    monkeypatch.setattr(UNet, "forward", lambda self, x, angle, tokens: x)
    pixel = encode_png(np.zeros((1, 1, 3), np.uint8))
    for module in (gallery, trajectory):
        monkeypatch.setattr(module, "encode_png", lambda _: pixel)
    # Attention is recorded in the blocks, which do not run then: even weights on all tokens stand for it.
    monkeypatch.setattr(
        unet_probe, "attention", lambda run, *_: np.full((1, run.steps, 1, 64, MAX_TOKENS), 1 / MAX_TOKENS)
    )
    for kept in (st.cache_data, cache._shared, live._finished):
        kept.clear()
    yield awake
    for kept in (st.cache_data, cache._shared, live._finished):
        kept.clear()


# --- PostgreSQL --------------------------------------------------------------------------------------------

POSTGRES_USER = "postgres"  # PostgreSQL refuses to run as root


def _binaries() -> Path | None:
    """Where Debian and others keep PostgreSQL's programs, or None."""
    found = shutil.which("initdb") or next(
        iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[::-1]), None
    )
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The URL of a private PostgreSQL server on a socket in a folder of its own, started for this run of the tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = _binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the tests on PostgreSQL, and there is none here")
        pytest.skip("no PostgreSQL found: install Debian's package postgresql to run these tests")
    folder = Path(tempfile.mkdtemp(prefix="dvpg-", dir="/tmp"))  # a socket's path is short
    as_user: dict[str, Any] = {}
    if sys.platform != "win32" and os.geteuid() == 0:
        as_user = {"user": POSTGRES_USER, "group": POSTGRES_USER, "extra_groups": []}
        shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=120, **as_user)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", POSTGRES_USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    # Commits are on the disk as in earnest (synchronous_commit is on); only the tests' own folder is temporary.
    run(
        "pg_ctl",
        "-D",
        data,
        "-w",
        "-l",
        str(folder / "log"),
        "-o",
        f"-k {folder} -c listen_addresses=''",
        "start",
    )
    try:
        yield f"postgresql://{POSTGRES_USER}@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(cluster: str) -> str:
    """An empty database."""
    name = f"t{uuid.uuid4().hex}"
    engine = sql.create_engine(
        cluster.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return cluster.replace("/postgres?", f"/{name}?")


# --- the app in a browser ----------------------------------------------------------------------------------


_SHARED = pytest.StashKey[AppServer]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """With several workers, the process that hands out their tests starts one app for all: what pages compute is kept by
    the server, and each of three would compute it for itself."""
    if _SHARED not in node.config.stash:
        node.config.stash[_SHARED] = AppServer().__enter__()
    node.workerinput["app"] = node.config.stash[_SHARED].url


def pytest_unconfigure(config: pytest.Config) -> None:
    if running := config.stash.get(_SHARED, None):
        running.__exit__()


class Served(NamedTuple):
    """Where the app runs that the tests visit."""

    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@pytest.fixture(scope="session")
def server(request) -> Iterator[Served]:
    shared = getattr(request.config, "workerinput", {}).get("app")
    if shared:
        yield Served(shared)
    else:
        with AppServer() as own:
            yield Served(own.url)


@pytest.fixture(scope="session")
def browser():
    """A Chromium that keeps to the server's policy, which forbids evaluating text: wait for functions, "() => ..."."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no Chromium here")
        pytest.skip(
            "no Chromium found: install Debian's package chromium-headless-shell to run the browser tests"
        )
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=60_000)  # what passes waits no longer; a busy machine takes its time
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def open_tab(browser, server):
    """A page that is open already: see browser_helpers.Tab."""
    from browser_helpers import Tab  # needs a browser's libraries, which are not there without one

    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=server.url)
    context.set_default_timeout(120_000)  # other tests may keep both cores busy
    yield Tab(context, server.url)
    context.close()


@pytest.fixture
def tab(open_tab):
    """The page that is open already; no error on it until the test's end."""
    open_tab.wrong.clear()
    yield open_tab
    assert not open_tab.wrong

"""The server of app.py: the pages, and the addresses that they had before."""

import contextlib
import http.client
import sys
import threading
import time

import psutil
import pytest
from helpers import ROOT
from playwright.sync_api import expect

from bench.server import AppServer
from diffviz.lessons import pages
from diffviz.ui import frame


def location(server, path):
    """Where a request for `path` is sent on to, with the status of the answer."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("location")


@pytest.mark.parametrize(("old", "new"), pages.FORMER_SLUGS.items())
def test_a_former_address_leads_on_with_all_its_parameters(server, old, new):
    assert (ROOT / next(p.file for p in pages.LESSONS if p.slug == new)).exists()
    assert location(server, f"/{old}") == (308, new)
    query = "prompt=red+heart&seed=12&style=noto&part=%C3%A9%26"
    assert location(server, f"/{old}?{query}") == (308, f"{new}?{query}")
    assert location(server, f"/{new}")[0] == 200


def test_every_page_of_the_list_is_a_file_and_every_file_on_the_list():
    listed = {lesson.file for lesson in pages.PAGES}
    assert listed == {f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}


def test_the_groups_of_the_menu_hold_every_page_once():
    names = [name for name, _ in pages.groups()]
    assert {"Basics", "Steering", "Beyond", "Practice", "Teaching"} <= set(names)
    assert len(set(names)) == len(names)  # the pages of a group stand together
    assert [page for _, group in pages.groups() for page in group] == [*pages.PAGES]


@pytest.mark.slow
def test_a_server_loads_torch_by_itself_before_anyone_has_come():
    with AppServer() as fresh:
        process, last = psutil.Process(fresh.process.pid), time.monotonic() + 300
        while not any("libtorch" in m.path for m in process.memory_maps()):
            assert time.monotonic() < last
            time.sleep(0.2)


def test_a_page_that_comes_while_torch_is_loaded_waits_for_it_and_says_so(monkeypatch):
    went, waits, said = threading.Event(), threading.Event(), []

    def slow(name):
        assert went.wait(60)

    def spinner(text):
        said.append(text)
        waits.set()
        return contextlib.nullcontext()

    monkeypatch.setattr(frame.importlib, "import_module", slow)
    monkeypatch.setattr(frame.st, "spinner", spinner)
    monkeypatch.setattr(frame.engine, "activate", lambda: said.append("activated"))
    monkeypatch.setitem(sys.modules, "torch", object())  # as it is while it is being imported
    loading = frame.warm()
    page = threading.Thread(target=frame.load_torch)
    page.start()
    assert waits.wait(60) and loading.is_alive()
    went.set()
    page.join(60)
    loading.join(60)
    assert said[0].startswith("Loading the network") and said[-1] == "activated"
    said.clear()
    frame.load_torch()
    assert said == ["activated"]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("path", ["memorization", "copies"])
def test_a_link_is_good_as_the_first_request_of_a_fresh_server(browser, path):
    with AppServer() as fresh:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=fresh.url)
        page = context.new_page()
        page.goto(f"/{path}?guidance=1&prompt=red+heart&seed=7")
        expect(page.get_by_label("Prompt", exact=True)).to_have_value("red heart", timeout=60_000)
        expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
        page.wait_for_url("**/memorization?*")
        assert "guidance=1" in page.url and "prompt=red+heart" in page.url
        context.close()

"""The security headers of the running app, and that they break no page in a browser."""

import gzip
import http.client
import re

import pytest
from browser_helpers import Tab
from playwright.sync_api import expect

from diffviz.lessons import pages

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
"""
# What pages do that a policy could forbid: graphs laid out by WebAssembly, components, charts, an upload, a download.
LINKS = [
    "/",
    *(f"/{lesson.slug}?net=32+×+32,+quick&steps=4&guidance=1" for lesson in pages.PAGES),
    "/practice?way=Progress",
    "/practice?way=Order+the+stages",
    "/practice?way=Flashcards",
    "/editing?do=Inpainting&net=32+×+32,+quick&steps=4&guidance=1",
]


def get(server, path, **headers):
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.slow
def test_a_phones_page_is_sent_as_it_is_and_lessons_with_their_style(server):
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)
    for path, styled in (("/c/ABCDEF", False), ("/forward", True)):
        connection.request("GET", path, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200 and ("<style" in body) == styled
        assert bool(answer.getheader("etag")) != styled
    connection.close()


def test_streamlits_scripts_are_sent_compressed(server):
    connection = http.client.HTTPConnection("localhost", server.port, timeout=30)

    def body(path, **headers):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.getheader("content-encoding"), answer.read()

    script = re.search(r'src="\./(static/js/[^"]+)"', body("/")[1].decode())[1]
    (plain, whole), (coding, packed) = body(f"/{script}"), body(f"/{script}", **{"Accept-Encoding": "gzip"})
    connection.close()
    assert (plain, coding) == (None, "gzip")
    assert gzip.decompress(packed) == whole and len(packed) < len(whole) / 2


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/forward", "/_stcore/health", "/app/static/nowhere", "/copies"])
def test_every_answer_of_the_server_has_the_security_headers(server, path):
    answer = get(server, path)
    assert "frame-ancestors 'self'" in answer.getheader("content-security-policy", "")
    assert answer.getheader("x-content-type-options") == "nosniff"
    assert answer.getheader("referrer-policy") == "same-origin"


def test_metrics_of_the_server_are_closed(server):
    assert get(server, "/_stcore/metrics").status == 404


@pytest.fixture(scope="module")
def guarded(browser, server):
    """A tab under the policy, which counts what violates it."""
    context = browser.new_context(base_url=server.url, bypass_csp=False)
    context.set_default_timeout(120_000)  # other tests may keep both cores busy
    context.add_init_script(WATCH)
    yield Tab(context, server.url)
    context.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("path", LINKS)
def test_no_page_violates_the_policy(guarded, path):
    guarded.wrong.clear()
    page = guarded.open(path)
    page.wait_for_timeout(500)  # what components and charts load comes after
    assert page.evaluate("window.violations.splice(0)") == []
    assert not guarded.wrong  # a violation is on the console too


@pytest.mark.browser
@pytest.mark.slow
def test_a_script_that_is_put_into_a_page_does_not_run_and_graphs_are_drawn_all_the_same(browser, server):
    context = browser.new_context(bypass_csp=False)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{server.url}/practice?way=Progress")
    expect(page.get_by_test_id("stGraphVizChart").locator("svg")).to_be_visible(timeout=60_000)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.text = "window.ran = true";
        document.head.append(script);
    }""")
    page.wait_for_function("window.violations.length === 1")
    assert "script-src" in page.evaluate("window.violations[0]")
    assert page.evaluate("window.ran") is None
    context.close()

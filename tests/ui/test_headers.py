"""The security headers of the running app, and that a browser keeps to them.

That they break no page is what tests/ui/test_browser.py says, which opens every page: a violation is a console error.
"""

import gzip
import http.client
import re

import pytest
from browser_helpers import watch
from playwright.sync_api import expect

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) =>
  window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`));
"""


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


@pytest.mark.browser
@pytest.mark.slow
def test_a_script_that_is_put_into_a_page_does_not_run_and_graphs_are_drawn_all_the_same(browser, server):
    context = browser.new_context()
    page = context.new_page()
    wrong = watch(page, server.url)
    page.add_init_script(WATCH)
    page.goto(f"{server.url}/practice?way=Progress")
    expect(page.get_by_test_id("stGraphVizChart").locator("svg")).to_be_visible(timeout=60_000)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.text = "window.ran = true";
        document.head.append(script);
    }""")
    page.wait_for_function("() => window.violations.length === 1")
    assert "script-src" in page.evaluate("window.violations[0]")
    assert page.evaluate("window.ran") is None
    (said,) = wrong  # as any test in a browser is told of it
    assert "Content Security Policy" in said
    context.close()

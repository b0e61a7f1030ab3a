"""Security headers, host names and metrics of a server, without Streamlit."""

import base64
import hashlib

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from diffviz.serving import security

PAGE = "<html><script>window.one = 1</script><script src='x.js'></script></html>"


def client(host="testserver", **environment):
    async def answer(request):
        return PlainTextResponse("here")

    routes = [Route(path, answer) for path in ("/", "/_stcore/metrics", "/under/_stcore/metrics/")]
    app = Starlette(routes=routes, middleware=security.middleware(PAGE, environment))
    return TestClient(app, base_url=f"http://{host}")


def policy(answer):
    rules = answer.headers["content-security-policy"].split("; ")
    return {rule.split(" ")[0]: rule.split(" ")[1:] for rule in rules}


def test_every_answer_has_the_headers():
    answer = client().get("/")
    assert answer.text == "here"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert client().get("/nowhere").headers["x-content-type-options"] == "nosniff"


def test_a_route_with_a_stricter_policy_keeps_it_and_gets_the_other_headers():
    async def strict(request):
        return PlainTextResponse("here", headers={"Content-Security-Policy": "default-src 'none'"})

    app = Starlette(routes=[Route("/", strict)], middleware=security.middleware(PAGE, {}))
    answer = TestClient(app).get("/")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'none'"]
    assert answer.headers["permissions-policy"].startswith("camera=()")


def test_the_policy_allows_no_other_server_no_eval_and_no_inline_script_but_streamlits():
    rules = policy(client().get("/"))
    digest = base64.b64encode(hashlib.sha256(b"window.one = 1").digest()).decode()
    assert rules["script-src"] == ["'self'", "blob:", "'wasm-unsafe-eval'", f"'sha256-{digest}'"]
    assert rules["default-src"] == ["'self'"] and rules["object-src"] == ["'none'"]
    assert not any("http" in source or source == "*" for sources in rules.values() for source in sources)


def test_who_may_show_it_in_a_frame_is_set_by_a_variable():
    assert policy(client().get("/"))["frame-ancestors"] == ["'self'"]
    set_ = client(DIFFVIZ_EMBED="https://moodle.school.edu, https://*.example.org").get("/")
    assert policy(set_)["frame-ancestors"] == ["'self'", "https://moodle.school.edu", "https://*.example.org"]
    assert policy(client(DIFFVIZ_EMBED="*").get("/"))["frame-ancestors"] == ["'self'", "*"]


@pytest.mark.parametrize(
    "bad", ["moodle.school.edu", "https://a.b/path", "https://a.b; script-src *", "javascript:1", "'none'"]
)
def test_an_origin_that_is_none_is_refused_by_name(bad):
    with pytest.raises(ValueError, match="DIFFVIZ_EMBED names"):
        client(DIFFVIZ_EMBED=bad)


def test_metrics_are_closed_unless_a_variable_opens_them():
    for path in ("/_stcore/metrics", "/under/_stcore/metrics/"):
        assert client().get(path).status_code == 404
        assert client(DIFFVIZ_METRICS="1").get(path).text == "here"


def test_the_hosts_that_are_answered_are_set_by_one_variable():
    names = "diffviz.school.edu,*.example.org"
    for host in ("diffviz.school.edu", "class.example.org", "diffviz.school.edu:8501"):
        assert client(host, DIFFVIZ_HOSTS=names).get("/").status_code == 200
    refused = client("evil.example.com", DIFFVIZ_HOSTS=names).get("/")
    assert refused.status_code == 400 and "content-security-policy" in refused.headers
    assert client("evil.example.com").get("/").status_code == 200  # no list: every name
    with pytest.raises(ValueError, match="DIFFVIZ_HOSTS names"):
        client(DIFFVIZ_HOSTS="https://diffviz.school.edu")

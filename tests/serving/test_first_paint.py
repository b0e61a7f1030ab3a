"""The pages' style within what the server sends: in pages, and in nothing else."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from diffviz.serving.first_paint import StyledStartPage

PAGE = b"<html><head><title>Slides</title></head><body>here</body></html>"
STYLE = "<style>p { color: red }</style>"
UNTIL_THEN = "<p>Loading</p>"


def sent(**headers):
    """The answer with these headers, as it comes through the style."""

    async def page(request):
        return Response(PAGE, media_type="text/html", headers=headers)

    app = Starlette(
        routes=[Route("/", page)], middleware=[Middleware(StyledStartPage, head=STYLE, body=UNTIL_THEN)]
    )
    return TestClient(app).get("/")


def test_a_page_gets_the_style_at_the_end_of_its_head_what_is_seen_first_in_its_body_and_no_validator():
    answer = sent(etag='"1"')
    styled = PAGE.replace(b"</head>", STYLE.encode() + b"</head>")
    assert answer.content == styled.replace(b"<body>", b"<body>" + UNTIL_THEN.encode())
    assert int(answer.headers["content-length"]) == len(answer.content) and "etag" not in answer.headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Disposition", 'attachment; filename="slides.html"'),
        ("Content-Security-Policy", "default-src 'none'"),
    ],
)
def test_a_download_and_a_page_with_a_policy_of_its_own_pass_as_they_are(name, value):
    answer = sent(**{name: value, "ETag": '"1"'})
    assert answer.content == PAGE and answer.headers["etag"] == '"1"' and answer.headers[name] == value

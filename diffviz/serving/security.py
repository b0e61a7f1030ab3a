"""What the server says to browsers about security, and whom it answers: headers, hosts, and a closed door for metrics.

Set by the environment:

DIFFVIZ_HOSTS    names under which the server is reached, such as "diffviz.school.edu,*.school.edu"; every other is refused
                 (against DNS rebinding). Unset: any name.
DIFFVIZ_EMBED    origins whose pages may show diffviz in a frame, such as "https://moodle.school.edu", or "*" for any.
                 Unset: none but the server's own.
DIFFVIZ_METRICS  "1" opens `/_stcore/metrics`, which tells how many sessions there are and what they hold. Unset: closed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ORIGIN = re.compile(r"\*|https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")
_HOST = re.compile(r"\*|(\*\.)?[A-Za-z0-9.-]+")


def middleware(page: str, environment: Mapping[str, str] = os.environ) -> list[Middleware]:
    """The middleware of a server whose start page is this HTML.

    Raises ValueError, in a sentence that names the variable, for a setting that cannot be used.
    """
    hosts = _listed(
        "DIFFVIZ_HOSTS", environment, _HOST, "a host name such as diffviz.school.edu, without https://"
    )
    embed = _listed(
        "DIFFVIZ_EMBED", environment, _ORIGIN, "an origin such as https://moodle.school.edu, without a path"
    )
    open_metrics = environment.get("DIFFVIZ_METRICS", "").strip() == "1"
    found = [Middleware(SecurityHeaders, policy=content_policy(page, embed), open_metrics=open_metrics)]
    if hosts:
        found.append(Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False))
    return found


def _listed(variable: str, environment: Mapping[str, str], form: re.Pattern[str], example: str) -> list[str]:
    names = re.split(r"[\s,]+", environment.get(variable, "").strip())
    names = [name for name in names if name]
    for name in names:
        if not form.fullmatch(name):
            raise ValueError(f"{variable} names {name!r}, which is not {example}")
    return names


def content_policy(page: str, embed: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of the app, whose start page is this HTML.

    Nothing is fetched from elsewhere. What Streamlit needs beyond "self": its one inline script, by its hash; scripts of
    components, which it loads from blobs; WebAssembly, which lays out graphs; inline styles; images as data.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(page)
    )
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' blob: 'wasm-unsafe-eval' {hashes}".strip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "media-src": "'self' data: blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(["'self'", *embed]),
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class SecurityHeaders:
    """Adds the security headers to every answer, and answers for `/_stcore/metrics` where that is closed.

    A route that sets a header of these itself keeps its own: the phones' page of a classroom has a stricter policy.
    """

    def __init__(self, app: ASGIApp, policy: str, open_metrics: bool = False) -> None:
        self.app, self.open_metrics = app, open_metrics
        self.headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            # The address holds prompts: no other site is told it.
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        closed = not self.open_metrics and scope["path"].rstrip("/").endswith("/_stcore/metrics")
        app = PlainTextResponse("Not found", 404) if closed else self.app
        await app(scope, receive, send_with_headers)

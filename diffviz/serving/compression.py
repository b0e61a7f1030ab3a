"""Scripts and styles as gzip: each file is compressed once for all visitors and kept.

Streamlit sends them as they are, to spare the server the work at each request; a page then takes three times as many
bytes, which a class that opens it at once shares the air for.
"""

from __future__ import annotations

import asyncio
import gzip
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TYPES = ("text/javascript", "application/javascript", "text/css")
SMALLEST = 1000  # bytes; below it there is nothing to gain
_GZIP = re.compile(r"(?i)\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")  # named, and not as refused


class CompressedFiles:
    """Compresses whole files of TYPES for browsers that take gzip; every other answer passes as it is.

    A file is known by its name and validator, so that what is kept is bounded by the files that there are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._kept: dict[tuple[str, str], asyncio.Task[bytes]] = {}  # of those who ask meanwhile, too

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _takes_gzip(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        # The body must pass here, not be sent by the server from its file.
        extensions = {k: v for k, v in scope.get("extensions", {}).items() if k != "http.response.pathsend"}
        start: Message | None = None
        key, parts = ("", ""), []

        async def send_compressed(message: Message) -> None:
            nonlocal start, key
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] == 200 and _is_file(headers):
                    start, key = message, (scope["path"].rpartition("/")[2], headers["etag"])
                    return
            elif start is not None:
                parts.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                if key not in self._kept:
                    work = asyncio.to_thread(gzip.compress, b"".join(parts), 6)
                    self._kept[key] = asyncio.create_task(work)
                packed = await asyncio.shield(self._kept[key])  # which goes on when this browser leaves
                headers = MutableHeaders(scope=start)
                headers["content-encoding"] = "gzip"
                headers["content-length"] = str(len(packed))
                headers["etag"] = f"W/{headers['etag'].removeprefix('W/')}"  # equal but for the coding
                headers.add_vary_header("Accept-Encoding")
                del headers["accept-ranges"]
                await send(start)
                message = {"type": "http.response.body", "body": packed}
            await send(message)

        await self.app({**scope, "extensions": extensions}, receive, send_compressed)


def _takes_gzip(headers: Headers) -> bool:
    return _GZIP.search(headers.get("accept-encoding", "")) is not None


def _is_file(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0]
    large = int(headers.get("content-length", 0)) >= SMALLEST
    return kind in TYPES and large and "etag" in headers and "content-encoding" not in headers

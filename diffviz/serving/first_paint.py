"""What the server adds to the start page that it sends, so that it is there before the first element is: the pages' style
sheet, and what is seen until then."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StyledStartPage:
    """Puts HTML at the end of the head of every HTML answer that is a page, and no file to download, and at the beginning
    of its body.

    Such an answer is not compressed, and has no validators: they would be those of the file, and a browser would keep an
    old style sheet.
    """

    def __init__(self, app: ASGIApp, head: str, body: str = "") -> None:
        self.app, self.head, self.body = app, head.encode(), body.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        # The body must pass here as it is: neither be sent by the server from its file, nor compressed before.
        extensions = {k: v for k, v in scope.get("extensions", {}).items() if k != "http.response.pathsend"}
        headers = scope["headers"]
        if any(name == b"accept" and b"text/html" in value for name, value in headers):
            headers = [(name, value) for name, value in headers if name != b"accept-encoding"]
        start: Message | None = None
        body = b""

        async def send_styled(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                plain = headers.get("content-type", "").startswith("text/html")
                # A page with a policy of its own, such as a phone's, would not let an inline style through; a download,
                # such as a deck of slides, has its own looks.
                own = "content-security-policy" in headers or "content-disposition" in headers
                if plain and message["status"] == 200 and "content-encoding" not in headers and not own:
                    start = message
                    return
            elif start is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                whole = body.replace(b"</head>", self.head + b"</head>", 1)
                whole = whole.replace(b"<body>", b"<body>" + self.body, 1)
                headers = MutableHeaders(scope=start)
                headers["content-length"] = str(len(whole))
                for name in ("etag", "last-modified"):
                    if name in headers:
                        del headers[name]
                await send(start)
                message = {"type": "http.response.body", "body": whole}
            await send(message)

        await self.app({**scope, "headers": headers, "extensions": extensions}, receive, send_styled)

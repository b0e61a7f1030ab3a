"""Phones of a class as plain asyncio: they join, vote and listen over real HTTP, with a cookie, as a browser does."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

HOST = "127.0.0.1"


class Lost(OSError):
    """The server closed the connection before it answered."""


class Phone:
    """One phone in the room `code` of the server at `port`; `base` is the folder that the app lies in."""

    def __init__(self, port: int, code: str, base: str = "") -> None:
        self.port, self.room = port, f"{base}/c/{code}"
        self.cookie: str | None = None
        self.mine: dict[str, Any] = {}

    async def join(self) -> int:
        """Join the room, or come back to it; returns the status."""
        status, told = await self.post("join", {})
        if status == 200:
            self.mine = told["mine"]
        return status

    async def vote(
        self, activity: int, round_: int, answer: Any, token: str | None = None
    ) -> tuple[int, Any]:
        """Vote once; the status and what was answered."""
        sent = {"activity": activity, "round": round_, "id": token or secrets.token_hex(16), "answer": answer}
        return await self.post("vote", sent)

    async def vote_until_counted(self, activity: int, round_: int, answer: Any, pause: float = 0.3) -> int:
        """Send one vote until it is acknowledged, as the phones' page does; returns how often it was sent."""
        token = secrets.token_hex(16)
        for tries in range(1, 200):
            try:
                status, told = await asyncio.wait_for(self.vote(activity, round_, answer, token), 10)
            except (OSError, TimeoutError):
                status, told = 0, None
            if status == 200:
                return tries
            if status not in (0, 429) and status < 500:
                raise AssertionError(f"a vote was refused: {status} {told}")
            await asyncio.sleep(pause)
        raise AssertionError("a vote was never acknowledged")

    async def post(self, what: str, body: object) -> tuple[int, Any]:
        """POST JSON beside the room's address; the status and the JSON that came back."""
        status, headers, raw = await self.request("POST", f"{self.room}/{what}", json.dumps(body).encode())
        for name, value in headers:
            if name == "set-cookie":
                self.cookie = value.partition(";")[0]
        return status, json.loads(raw) if raw[:1] in (b"{", b"[") else raw

    async def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request on a connection of its own: status, headers (names in lower case) and body."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(self._head(method, path, len(body), content_type) + body)
            await writer.drain()
            status, headers = await _head_of(reader)
            return status, headers, await reader.read()
        finally:
            writer.close()

    async def listen(self, line: str = "events") -> AsyncIterator[tuple[str, Any]]:
        """The server-sent events of the room, as (event, data), until the connection ends."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(self._head("GET", f"{self.room}/{line}", 0))
            status, _ = await _head_of(reader)
            if status != 200:
                raise Lost(f"no events: {status}")
            heard = ""
            async for chunk in _chunks(reader):
                heard += chunk
                *events, heard = heard.split("\n\n")
                for event in events:
                    fields = dict(line.split(": ", 1) for line in event.splitlines() if ": " in line)
                    if "data" in fields:
                        yield fields.get("event", "message"), json.loads(fields["data"])
        finally:
            writer.close()

    def _head(self, method: str, path: str, length: int, content_type: str = "application/json") -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{self.port}", "Connection: close"]
        if length:
            lines += [f"Content-Type: {content_type}", f"Content-Length: {length}"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        return "\r\n".join([*lines, "", ""]).encode()


async def _head_of(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of an answer."""
    first = await reader.readline()
    if not first:
        raise Lost("the server closed the connection")
    headers: list[tuple[str, str]] = []
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip()))
    return int(first.split()[1]), headers


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """The parts of an answer that is sent in chunks (RFC 9112, section 7.1); each of ours is whole UTF-8."""
    while size := int((await reader.readline()).strip() or b"0", 16):
        yield (await reader.readexactly(size)).decode()
        await reader.readline()

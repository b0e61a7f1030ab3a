"""What the phones ask over plain HTTP, beside Streamlit's pages on the same port.

| address | what |
|---|---|
| `/c`, `/c/` | a box for the code |
| `/c/CODE` | the phones' page; `phone.js` and `phone.css` lie beside it |
| `/c/CODE/join` | POST: join, or come back; sets the participant's cookie |
| `/c/CODE/events` | the room's state as server-sent events, for who has joined |
| `/c/CODE/vote`, `/nickname`, `/lost` | POST, for who has joined |
| `/c/CODE/wall` | the counts that the wall shows, as server-sent events |
| `/c/CODE/images/N/K` | image K of question N |
| `/host` | the host's link; the secret is in its fragment, which is sent to no server by itself |
| `/host` | POST: keep the host's secret in a cookie; DELETE: forget it |

POSTs are JSON, and answered with JSON: what was asked for, or `{"error": "a sentence"}`. Cookies are HttpOnly and strict
about other sites, and have the folder of the address that set them as their path, so all this may lie in a folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import logging
import random
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from diffviz.classroom import activities, rooms, state, votes
from diffviz.classroom.database import Database, database
from diffviz.classroom.errors import ClassroomError, NotThere, Refused, Stranger, TooMany, Unfit
from diffviz.classroom.hub import Hub
from diffviz.classroom.limits import RateLimit
from diffviz.classroom.rooms import Participant, Room

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

PAGE = Path(__file__).parent / "page"
MAX_BODY = 4096  # bytes
PARTICIPANT, HOST = "diffviz-participant", "diffviz-host"  # cookies
COOKIE_SECONDS = rooms.HOURS * 3600
HOST_COOKIE_SECONDS = COOKIE_SECONDS + rooms.DAYS_KEPT * 86_400
MAX_LINES = 2 * rooms.MAX_PARTICIPANTS  # event streams of a room
THREADS = 4  # that ask the database for the phones
MAX_TOGETHER = 200  # votes that are kept in one transaction
GATHERED = 0.1  # seconds for which votes are gathered: one transaction of several takes less work
_STATUS: dict[type[ClassroomError], int] = {NotThere: 404, Refused: 409, Unfit: 400, TooMany: 429}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_LOG = logging.getLogger(__name__)


class TooLarge(ClassroomError):
    """A request with more than `MAX_BODY` bytes."""


def _as_participant(db: Database, code: str, secret: str | None, work: Callable[..., T], *args: Any) -> T:
    """Do something for the participant with this secret in the room of a code. Raises Stranger and NotThere."""
    with db.read() as connection:
        room = rooms.room_in(connection, code)
        who = rooms.participant_in(connection, room, secret)
    return work(db, room, who, *args)


def _room_and_mine(db: Database, room: Room, who: Participant) -> tuple[Room, state.State]:
    return room, state.mine(db, room, who)


class Phones:
    """The routes of one server, with what they share: threads, listeners and limits.

    A whole class may come from one address, behind one router: what is limited by address has room for it.
    """

    def __init__(self, db: Callable[[], Database] = database) -> None:
        self._db = db
        self._threads = ThreadPoolExecutor(THREADS, "classroom")
        self._hub = Hub(lambda room: state.of_room(self._db(), room), self._threads)
        self._listening_to: Database | None = None
        self._lines: dict[int, int] = {}  # room -> event streams
        self._ballots: list[tuple[votes.Ballot, asyncio.Future[ClassroomError | None]]] = []  # to be kept
        self._counting: asyncio.Task[None] | None = None
        self._writes = RateLimit(burst=30, per_second=1)  # by participant
        self._joins = RateLimit(burst=600, per_second=10)  # by address
        self._strangers = RateLimit(burst=60, per_second=1)  # by address: wrong codes and secrets
        self._walls = RateLimit(burst=120, per_second=2)  # by address

    def routes(self, base: str = "") -> list[BaseRoute]:
        """All routes; `base` is the folder that the app lies in, such as "/lessons", or ""."""
        room = f"{base}/c/{{code}}"
        return [
            Route(f"{base}/c", self._to_folder),
            Route(f"{base}/c/", _file("join.html")),
            *(
                Route(f"{base}/c/{name}", _file(name))
                for name in ("phone.js", "phone.css", "join.js", "host.js")
            ),
            Route(room, _file("phone.html")),
            Route(f"{room}/join", self._answering(self._join), methods=["POST"]),
            Route(f"{room}/vote", self._answering(self._vote), methods=["POST"]),
            Route(f"{room}/nickname", self._answering(self._nickname), methods=["POST"]),
            Route(f"{room}/lost", self._answering(self._lost), methods=["POST"]),
            Route(f"{room}/events", self._answering(self._events)),
            Route(f"{room}/wall", self._answering(self._wall)),
            Route(f"{room}/images/{{activity:int}}/{{place:int}}", self._answering(self._image)),
            Route(f"{base}/host", _file("host.html")),
            Route(f"{base}/host", self._answering(self._host), methods=["POST"]),
            Route(f"{base}/host", self._answering(self._leave), methods=["DELETE"]),
        ]

    def end(self) -> None:
        """End all event streams, for good: the server stops."""
        self._hub.end()

    @contextlib.contextmanager
    def ended_on_signals(self) -> Generator[None]:
        """While a server runs: a signal that stops it ends the event streams first, for which it would wait for ever.

        To be entered when the server has set its own handlers, which are called as before.
        """
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(number: int, frame: FrameType | None) -> None:
            self.end()
            if callable(before[number]):
                before[number](number, frame)

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            self._threads.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Something that asks the database, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._with_database, work, *args
        )

    def _with_database(self, work: Callable[..., T], *args: Any) -> T:
        db = self._db()
        if db is not self._listening_to:
            db.listeners.append(self._hub.poke)
            self._listening_to = db
        return work(db, *args)

    def _answering(self, handler: Handler) -> Handler:
        """A handler whose errors are a status and a sentence."""

        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            try:
                try:
                    return await handler(request)
                except NotThere:
                    self._strangers.spend(_address(request))
                    raise
            except TooLarge as error:
                return JSONResponse({"error": str(error)}, 413, {"Connection": "close"})
            except ClassroomError as error:
                wait = {"Retry-After": str(1 + int(error.wait))} if isinstance(error, TooMany) else None
                return JSONResponse({"error": str(error)}, _status(error), wait)
            except ClientDisconnect:
                return Response(status_code=400)

        return answer

    # --- pages -----------------------------------------------------------------------------------------------

    async def _to_folder(self, request: Request) -> Response:
        return RedirectResponse("c/", 308)

    # --- the host --------------------------------------------------------------------------------------------

    async def _host(self, request: Request) -> Response:
        """Take the secret of a host's link, and keep it in a cookie for the app's pages."""
        given = await _body(request)
        code, secret = given.get("code"), given.get("secret")
        if not isinstance(code, str) or not isinstance(secret, str):
            raise Unfit("A host's link has a code and a secret.")
        self._strangers.spend(_address(request))
        room = await self._in_thread(rooms.hosted_room, code, secret)
        answer = JSONResponse({"code": room.code})
        _set_cookie(request, answer, HOST, f"{room.code}.{secret}", HOST_COOKIE_SECONDS)
        return answer

    async def _leave(self, request: Request) -> Response:
        """Forget which room this browser is the host of; the link brings it back."""
        answer = JSONResponse({})
        _set_cookie(request, answer, HOST, "", 0)
        return answer

    # --- participants ----------------------------------------------------------------------------------------

    async def _join(self, request: Request) -> Response:
        await _body(request)
        address, secret = _address(request), request.cookies.get(PARTICIPANT)

        def newcomer() -> None:
            """Of who makes a secret up as well: after too many wrong codes from an address, none is looked up."""
            self._strangers.check(address)
            self._joins.spend(address)

        room, who, secret = await self._in_thread(rooms.join, _code(request), secret, newcomer)
        told = await self._in_thread(state.mine, room, who)
        answer = JSONResponse({"title": room.title, "mine": told})
        _set_cookie(request, answer, PARTICIPANT, secret, COOKIE_SECONDS)
        return answer

    async def _known(self, request: Request, work: Callable[..., T], *args: Any) -> T:
        """Something done for who asks, in the room of the address; anybody else counts as a stranger.

        All in one turn of a thread: while the interpreter is busy with a demo, each turn costs a wait for its lock.
        """
        try:
            return await self._in_thread(
                _as_participant, _code(request), request.cookies.get(PARTICIPANT), work, *args
            )
        except Stranger:
            self._strangers.spend(_address(request))
            raise

    async def _write(self, request: Request, work: Callable[..., T], given: dict[str, Any], *names: str) -> T:
        """As `_known`, with what was sent under these names, and not too often."""

        def writing(db: Database, room: Room, who: Participant) -> T:
            self._may_write(who)
            return work(db, room, who, *(given.get(name) for name in names))

        return await self._known(request, writing)

    async def _vote(self, request: Request) -> Response:
        given = await _body(request)
        sent = (given.get(name) for name in ("activity", "round", "id", "answer"))
        await self._cast(votes.Ballot(_code(request), request.cookies.get(PARTICIPANT), *sent), request)
        return JSONResponse({"counted": given["id"]})

    async def _cast(self, ballot: votes.Ballot, request: Request) -> None:
        """Have a vote kept, with those that come at about the same time. Raises what is wrong with it."""
        kept: asyncio.Future[ClassroomError | None] = asyncio.get_running_loop().create_future()
        self._ballots.append((ballot, kept))
        if self._counting is None:
            self._counting = asyncio.create_task(self._count())
        try:
            if (wrong := await asyncio.shield(kept)) is not None:
                raise wrong
        except Stranger:
            self._strangers.spend(_address(request))
            raise

    async def _count(self) -> None:
        """Keep all votes of a moment in one transaction, and again until there are no more.

        A vote is judged when it is kept: one of the last tenth of a second before its round is closed comes too late.
        """
        try:
            while self._ballots:
                if len(self._ballots) < MAX_TOGETHER:
                    await asyncio.sleep(GATHERED)
                waiting, self._ballots = self._ballots[:MAX_TOGETHER], self._ballots[MAX_TOGETHER:]
                ballots = [ballot for ballot, _ in waiting]
                try:
                    outcomes = await self._in_thread(votes.cast_all, ballots, self._may_write)
                except Exception as error:  # of the database: each phone is told, and sends its vote again
                    for _, kept in waiting:
                        kept.set_exception(error)
                    continue
                for (_, kept), wrong in zip(waiting, outcomes, strict=True):
                    kept.set_result(wrong)
        finally:
            self._counting = None

    def _may_write(self, who: Participant) -> None:
        self._writes.spend(str(who.id))

    async def _nickname(self, request: Request) -> Response:
        nickname = await self._write(request, rooms.set_nickname, await _body(request), "nickname")
        return JSONResponse({"nickname": nickname})

    async def _lost(self, request: Request) -> Response:
        given = await _body(request)
        await self._write(request, rooms.signal_lost, given, "lost")
        return JSONResponse({"lost": given["lost"]})

    # --- events and images ---------------------------------------------------------------------------------

    async def _events(self, request: Request) -> Response:
        room, told = await self._known(request, _room_and_mine)
        return self._stream(room, "phones", f"event: mine\ndata: {json.dumps(told)}\n\n")

    async def _wall(self, request: Request) -> Response:
        self._walls.spend(_address(request))
        return self._stream(await self._in_thread(rooms.find_room, _code(request)), "wall")

    def _stream(self, room: Room, line: str, first: str = "") -> Response:
        """Server-sent events of a room; who is cut off comes back after one to three seconds, not all at once."""
        if self._lines.get(room.id, 0) >= MAX_LINES:
            raise TooMany("Too many listen to this room already.")

        async def events() -> AsyncIterator[str]:
            self._lines[room.id] = self._lines.get(room.id, 0) + 1
            try:
                yield f"retry: {random.randint(1000, 3000)}\n{first or chr(10)}"
                async for text in self._hub.listen(room.id, line):
                    yield (
                        f'data: {{"now":{self._db().clock():.3f},"state":{text}}}\n\n'
                        if text
                        else ": still here\n\n"
                    )
            finally:
                self._lines[room.id] -= 1
                if not self._lines[room.id]:
                    del self._lines[room.id]

        # X-Accel-Buffering: a proxy such as nginx is not to gather events before it passes them on.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)

    async def _image(self, request: Request) -> Response:
        room = await self._in_thread(rooms.find_room, _code(request))
        where = (request.path_params["activity"], request.path_params["place"])
        png = await self._in_thread(activities.image, room, *where)
        return Response(
            png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600, immutable"}
        )


def _file(name: str) -> Handler:
    """A handler that answers with a file of the phones' page, or with 304 where the browser has it."""
    content = (PAGE / name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {**_SECURITY, "Cache-Control": "no-cache", "ETag": tag}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)

    return answer


def _status(error: ClassroomError) -> int:
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 503)


def _code(request: Request) -> str:
    return request.path_params["code"]


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _set_cookie(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    # With no path given, a browser takes the folder of the address as it sees it, whatever a proxy has cut off.
    answer.set_cookie(name, value, seconds, path=None, secure=request.url.scheme == "https", httponly=True,
                      samesite="strict")  # fmt: skip


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises TooLarge, without reading on, and Unfit for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Unfit("What is sent here is JSON.")  # which no form of another site can send
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise TooLarge(f"A request has at most {MAX_BODY} bytes.")
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unfit("What is sent here is JSON.") from error
    if not isinstance(given, dict):
        raise Unfit("What is sent here is a JSON object.")
    return cast("dict[str, Any]", given)

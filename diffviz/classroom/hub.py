"""Tells the phones and the wall when a room has changed.

The database is the truth: each room that somebody listens to has one watcher, which reads the room's state when it is
poked, and once a second for what another server has changed, and passes it on where it differs from the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from diffviz.classroom.errors import ClassroomError
from diffviz.classroom.state import State

EVERY = 1.0  # seconds between two looks at a room that nobody poked
TOGETHER = 0.1  # seconds for which changes are gathered: a class that votes at once is one change
STILL_HERE = 15.0  # seconds after which a silent line says that it is open
_LOG = logging.getLogger(__name__)


@dataclass
class _Line:
    """What all listeners of one kind hear: the latest state as JSON, and an event that its successor sets."""

    latest: str | None = None
    gone: bool = False  # the room: nothing comes after the latest
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, state: State) -> None:
        text = json.dumps(state, separators=(",", ":"))
        if text != self.latest:
            self.gone = state.get("gone", False)
            self.latest, before, self.changed = text, self.changed, asyncio.Event()
            before.set()


@dataclass
class _Watched:
    """A room with listeners: what its phones and its wall hear."""

    phones: _Line = field(default_factory=_Line)
    wall: _Line = field(default_factory=_Line)
    poked: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    watcher: asyncio.Task[None] | None = None


class Hub:
    """Listeners by room, on one event loop. `read` gives what phones and wall show of a room; it runs in `threads`."""

    def __init__(self, read: Callable[[int], tuple[State, State]], threads: Executor) -> None:
        self._read, self._threads = read, threads
        self._rooms: dict[int, _Watched] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False

    def poke(self, room: int) -> None:
        """A room has changed; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._poke, room)

    def end(self) -> None:
        """Let go of all listeners, for good; may be called from any thread, and from a signal's handler."""
        self._ended = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for watched in self._rooms.values():
            for line in (watched.phones, watched.wall):
                line.changed.set()

    def _poke(self, room: int) -> None:
        if room in self._rooms:
            self._rooms[room].poked.set()

    async def listen(self, room: int, line: str) -> AsyncIterator[str | None]:
        """The state of a room's `line` ("phones" or "wall") as JSON, now and at each change; None while it is silent.

        It ends after the phones' state of a room that was erased.
        """
        self._loop = asyncio.get_running_loop()
        watched = self._rooms.setdefault(room, _Watched())
        watched.listeners += 1
        if watched.watcher is None or watched.watcher.done():
            watched.watcher = self._loop.create_task(self._watch(room, watched))
        heard: _Line = getattr(watched, line)
        told: str | None = None
        try:
            while not self._ended:
                changed = heard.changed
                if heard.latest is not None and heard.latest != told:
                    told, gone = heard.latest, heard.gone
                    yield told
                    if gone:
                        return
                try:
                    await asyncio.wait_for(changed.wait(), STILL_HERE)
                except TimeoutError:
                    yield None
        finally:
            watched.listeners -= 1
            if not watched.listeners:
                watched.watcher.cancel()
                self._rooms.pop(room, None)

    async def _watch(self, room: int, watched: _Watched) -> None:
        loop = asyncio.get_running_loop()
        while True:
            watched.poked.clear()
            try:
                phones, wall = await loop.run_in_executor(self._threads, self._read, room)
                watched.phones.tell(phones)
                watched.wall.tell(wall)
            except ClassroomError as error:
                _LOG.warning("Room %d cannot be read: %s", room, error)
            except Exception:  # unforeseen: the listeners wait for the next look all the same
                _LOG.exception("Room %d cannot be read", room)
            await asyncio.sleep(TOGETHER)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watched.poked.wait(), EVERY)

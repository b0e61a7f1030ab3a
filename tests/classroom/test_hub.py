"""The hub by itself: what its listeners hear when the room cannot be read for a moment."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers import run

from diffviz.classroom import hub
from diffviz.classroom.errors import ClassroomError

STATE = {"open": True}


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(hub, "EVERY", 0.01)
    monkeypatch.setattr(hub, "TOGETHER", 0.0)


@pytest.mark.parametrize("error", [ClassroomError("no database"), ValueError("what nobody foresaw")])
def test_a_room_that_cannot_be_read_once_is_read_at_the_next_look(fast, caplog, error):
    failing = [error]

    def read(room):
        if failing:
            raise failing.pop()
        return STATE, STATE

    async def go():
        with ThreadPoolExecutor(1) as threads:
            listening = hub.Hub(read, threads).listen(1, "phones")
            told = await anext(listening)
            await listening.aclose()
        return told

    with caplog.at_level(logging.WARNING, hub.__name__):
        assert run(go()) == '{"open":true}'
    (record,) = caplog.records
    assert str(error) in record.getMessage() + str(record.exc_info and record.exc_info[1])


def test_a_watcher_that_has_ended_is_started_anew_by_the_next_who_listens(fast):
    async def go():
        with ThreadPoolExecutor(1) as threads:
            tested = hub.Hub(lambda room: (STATE, STATE), threads)
            first = tested.listen(1, "phones")
            await anext(first)
            watched = tested._rooms[1]
            watched.watcher.cancel()
            await asyncio.wait([watched.watcher])
            watched.phones.latest = None
            second = tested.listen(1, "phones")
            assert await anext(second) == '{"open":true}'
            await second.aclose()
            await first.aclose()
            assert not tested._rooms

    run(go())

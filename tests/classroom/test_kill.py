"""The server is killed (SIGKILL) in the middle of a vote: what it acknowledged is there afterwards, and phones return."""

import asyncio
import contextlib
import threading

import pytest
from playwright.sync_api import expect

from bench.phones import Phone
from bench.server import AppServer
from diffviz.classroom import activities, rooms, votes
from diffviz.classroom.activities import free_question
from diffviz.classroom.database import FILE, Database

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONES, BEFORE = 40, 10  # and how many votes are acknowledged when the server is killed
ANY_TIME = 120_000


class Class(threading.Thread):
    """Phones on a loop of their own: each joins, listens, and sends its vote until it is acknowledged."""

    def __init__(self, port, code, asked):
        super().__init__(daemon=True)
        self.phones = [Phone(port, code) for _ in range(PHONES)]
        self.asked = asked
        self.acknowledged = {}  # number in the room -> answer
        self.states = [0] * PHONES  # how often each phone has been told the room's state
        self.enough, self.restarted, self.killed = (threading.Event() for _ in range(3))
        self.failed = []

    def run(self):
        try:
            asyncio.run(self._go())
        except BaseException as error:
            self.failed.append(error)
            self.enough.set()

    async def _go(self):
        for phone in self.phones:
            assert await phone.join() == 200
        lines = [asyncio.create_task(self._listen(k)) for k in range(PHONES)]
        await asyncio.gather(*(self._vote(k) for k in range(PHONES)))
        await asyncio.to_thread(self.restarted.wait)
        # A line that was cut tells the state again as soon as it is back.
        while any(self.states[k] <= self.at_kill[k] for k in range(PHONES)):
            await asyncio.sleep(0.05)
        for line in lines:
            line.cancel()

    async def _listen(self, k):
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                async for event, _ in self.phones[k].listen():
                    self.states[k] += event == "message"
            await asyncio.sleep(0.2)

    async def _vote(self, k):
        await asyncio.sleep(0.03 * k)
        phone = self.phones[k]
        await phone.vote_until_counted(self.asked.id, 1, k % 3, pause=1.0)
        self.acknowledged[phone.mine["number"]] = k % 3
        if len(self.acknowledged) == BEFORE:
            self.enough.set()
            # The rest of the class is held here until the server is gone: some votes are on their way, none has come.
            await asyncio.to_thread(self.killed.wait)


def test_what_was_acknowledged_outlives_a_kill_and_phones_come_back_by_themselves(browser, tmp_path):
    db = Database(f"sqlite:///{tmp_path / FILE}")
    room, _ = rooms.open_room(db, "")
    asked = activities.ask(db, room, free_question("choice", "Which?", ["a", "b", "c"]))
    environment = {"DIFFVIZ_DATA": str(tmp_path), "DIFFVIZ_DATABASE_URL": ""}

    def counted():
        with db.read() as connection:
            return [(v.participant, v.answer) for v in votes.of_activity(connection, asked.id)]

    with AppServer(environment=environment) as first:
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.goto(f"{first.url}/c/{room.code}")
        expect(page.get_by_role("radio")).to_have_count(3)
        people = Class(first.port, room.code, asked)
        people.start()
        assert people.enough.wait(ANY_TIME / 1000) and not people.failed, people.failed
        before = dict(people.acknowledged)
        first.process.kill()
        first.process.wait()
        people.at_kill = list(people.states)
        people.killed.set()
        assert len(before) < PHONES
    page.get_by_role("radio").nth(2).check()
    page.get_by_role("button", name="Vote", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Not sent yet", timeout=ANY_TIME)
    assert set(before.items()) <= set(counted())

    with AppServer(environment=environment, port=first.port):
        people.restarted.set()
        expect(page.locator("#said")).to_have_text("Your vote is counted.", timeout=ANY_TIME)
        expect(page.locator("#connection")).to_be_empty(timeout=ANY_TIME)
        people.join(ANY_TIME / 1000)
        assert not people.is_alive() and not people.failed, people.failed
        found = counted()
        assert sorted(found) == sorted([*people.acknowledged.items(), (1, 2)])
        assert set(before.items()) <= set(found) and len(found) == PHONES + 1
        # The room goes on: what the host does now reaches the phone that came back.
        activities.set_phase(db, room, asked, "reveal")
        expect(page.locator("#result")).to_contain_text(f"{PHONES + 1} people have voted.", timeout=ANY_TIME)
    db.close()

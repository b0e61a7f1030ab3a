"""The phones' routes over real HTTP, and what hostile clients get from them."""

import asyncio
import json
import re

import pytest
import sqlalchemy as sql
from helpers import run

from bench.phones import Phone
from diffviz.classroom import activities, limits, rooms, routes, votes
from diffviz.classroom.activities import Choice, Draft, free_question
from diffviz.classroom.errors import TooMany
from diffviz.classroom.schema import PARTICIPANTS, VOTES
from tests.classroom.conftest import Server

QUESTION = Draft("choice", "Which?", options=(Choice("a", "no"), Choice("b", "yes")), right=1)
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


@pytest.fixture
def room(db):
    return rooms.open_room(db, "Wednesday")[0]


def kept(db, table):
    with db.read() as connection:
        return connection.execute(sql.select(table)).all()


async def heard(listening, condition):
    """The first event that meets the condition."""
    async for event, told in listening:
        if condition(event, told):
            return told
    raise AssertionError("the line ended")


# --- a phone that behaves ----------------------------------------------------------------------------------


def test_a_phone_joins_votes_and_hears_what_the_host_does(server, db, room):
    async def go():
        phone = server.phone(room)
        assert await phone.join() == 200 and phone.mine["number"] == 1
        listening = phone.listen()
        assert (await heard(listening, lambda e, _: e == "mine"))["seed"] == room.seed + 1
        asked = activities.ask(db, room, QUESTION)
        await heard(listening, lambda e, t: e == "message" and t["state"]["activity"])
        assert await phone.vote(asked.id, 1, 1, "my-token") == (200, {"counted": "my-token"})
        activities.set_phase(db, room, asked, "reveal")
        told = await heard(listening, lambda e, t: t["state"]["activity"]["phase"] == "reveal")
        assert told["state"]["activity"]["right"] == 1 and abs(told["now"] - db.clock()) < 1
        assert phone.mine["votes"] == {}
        await listening.aclose()
        # A reload: the same participant, and the vote is there.
        assert await phone.join() == 200
        assert phone.mine["number"] == 1 and phone.mine["votes"] == {f"{asked.id}/1": 1}

    run(go())
    assert len(kept(db, PARTICIPANTS)) == 1


def test_the_wall_hears_counts_as_they_come(server, db, room):
    async def go():
        asked = activities.ask(db, room, QUESTION)
        phone, wall = server.phone(room), server.phone(room)
        listening = wall.listen("wall")
        await heard(listening, lambda e, t: t["state"]["joined"] == 0)
        await phone.join()
        await heard(listening, lambda e, t: t["state"]["joined"] == 1)
        await phone.vote(asked.id, 1, 0)
        await phone.vote(asked.id, 1, 1)
        assert (await phone.post("lost", {"lost": True}))[0] == 200
        told = await heard(listening, lambda e, t: t["state"]["lost"] == 1)
        assert told["state"]["voted"] == 1
        await listening.aclose()

    run(go())


def test_a_phones_line_ends_when_its_room_is_erased(server, db, room):
    async def go():
        phone = server.phone(room)
        await phone.join()
        listening = phone.listen()
        await heard(listening, lambda e, _: e == "message")
        rooms.erase_room(db, room)
        await heard(listening, lambda e, t: t["state"].get("gone"))
        assert [event async for event in listening] == []

    run(go())


@pytest.mark.slow
def test_what_another_server_changes_is_heard_within_its_next_look(server, db, room, url):
    from diffviz.classroom.database import Database

    other = Database(url, db.clock)

    async def go():
        phone = server.phone(room)
        await phone.join()
        listening = phone.listen()
        await heard(listening, lambda e, t: e == "message")
        activities.ask(other, room, QUESTION)
        await heard(listening, lambda e, t: t["state"]["activity"])
        await listening.aclose()

    run(go())
    other.close()


@pytest.mark.slow
@pytest.mark.parametrize("base", ["", "/lessons/diffusion"])
def test_the_pages_lie_at_their_addresses_in_a_folder_too(db, room, base):
    async def go(server):
        phone = server.phone(room)
        status, headers, _ = await phone.request("GET", f"{base}/c")
        assert (status, dict(headers)["location"]) == (308, "c/")
        pages = {"/c/": "html", f"/c/{room.code}": "html", "/c/phone.js": "javascript", "/c/phone.css": "css",
                 "/c/join.js": "javascript", "/c/host.js": "javascript", "/host": "html"}  # fmt: skip
        for path, kind in pages.items():
            status, headers, body = await phone.request("GET", base + path)
            assert status == 200 and kind in dict(headers)["content-type"] and body, path
            assert "default-src 'none'" in dict(headers)["content-security-policy"]
        assert await phone.join() == 200

    with Server(db, base) as server:
        run(go(server))


def test_the_page_is_small_fetches_nothing_from_elsewhere_and_writes_no_html():
    files = {
        name: (routes.PAGE / name).read_text(encoding="utf-8")
        for name in ("phone.html", "phone.css", "phone.js")
    }
    assert sum(len(text.encode()) for text in files.values()) < 30_000
    for path in routes.PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"https?://|//[a-z]|@import", re.sub(r"^\s*//.*$|\s// .*$", "", text, flags=re.M)
        ), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), path


@pytest.mark.slow
def test_a_image_is_served_to_the_room_that_it_belongs_to(server, db, room):
    asked = activities.ask(db, room, QUESTION, [b"\x89PNG"])

    async def go():
        status, headers, body = await server.phone(room).request("GET", f"/c/{room.code}/images/{asked.id}/0")
        assert (status, dict(headers)["content-type"], body) == (200, "image/png", b"\x89PNG")
        assert (await server.phone(room).request("GET", f"/c/{room.code}/images/{asked.id}/1"))[0] == 404

    run(go())


# --- the host ----------------------------------------------------------------------------------------------


def test_a_hosts_link_becomes_a_cookie_that_no_script_and_no_other_site_can_use(server, db):
    room, secret = rooms.open_room(db, "")

    async def go():
        phone = server.phone(room)
        body = json.dumps({"code": room.code, "secret": secret}).encode()
        status, headers, _ = await phone.request("POST", "/host", body)
        cookie = dict(headers)["set-cookie"]
        assert status == 200 and cookie.startswith(f"{routes.HOST}={room.code}.{secret};")
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path" not in cookie
        wrong = json.dumps({"code": room.code, "secret": "x"}).encode()
        status, headers, _ = await phone.request("POST", "/host", wrong)
        assert status == 409 and "set-cookie" not in dict(headers)

    run(go())


def test_a_browser_can_forget_that_it_is_the_hosts(server, room):
    async def go():
        status, headers, _ = await server.phone(room).request("DELETE", "/host")
        assert status == 200 and dict(headers)["set-cookie"].startswith(f'{routes.HOST}="";')
        assert "Max-Age=0" in dict(headers)["set-cookie"]

    run(go())


# --- hostile clients ---------------------------------------------------------------------------------------


def test_nobody_votes_for_another(server, db, room):
    """Neither without a cookie, nor with a made-up one, nor with that of another room, nor by naming a participant."""
    asked = activities.ask(db, room, QUESTION)
    other, _ = rooms.open_room(db, "")

    async def go():
        victim, stranger, elsewhere = server.phone(room), server.phone(room), server.phone(other)
        await victim.join()
        await elsewhere.join()
        for cookie in (None, f"{routes.PARTICIPANT}=1", f"{routes.PARTICIPANT}={'A' * 32}", elsewhere.cookie):
            stranger.cookie = cookie
            status, told = await stranger.vote(asked.id, 1, 0)
            assert status == 409 and "not joined" in told["error"]
        await stranger.join()
        body = {
            "activity": asked.id,
            "round": 1,
            "id": "my-token",
            "answer": 0,
            "participant": 1,
            "number": 1,
        }
        assert (await stranger.post("vote", body))[0] == 200

    run(go())
    mine = {row.id: row.number for row in kept(db, PARTICIPANTS)}
    assert [mine[v.participant_id] for v in kept(db, VOTES)] == [2]


def test_a_vote_after_closing_or_in_a_closed_room_is_refused_with_a_sentence(server, db, room):
    async def go():
        asked = activities.ask(db, room, QUESTION)
        phone = server.phone(room)
        await phone.join()
        activities.set_phase(db, room, asked, "reveal")
        assert await phone.vote(asked.id, 1, 1) == (409, {"error": "This vote is closed."})
        rooms.close_room(db, room)
        assert await phone.vote(asked.id, 1, 1) == (409, {"error": "This room has ended."})
        rooms.erase_room(db, room)
        assert (await phone.vote(asked.id, 1, 1))[0] == 404

    run(go())
    assert not kept(db, VOTES)


def test_a_vote_sent_many_times_at_once_is_one_vote(server, db, room):
    asked = activities.ask(db, room, QUESTION)

    async def go():
        phone = server.phone(room)
        await phone.join()
        answers = await asyncio.gather(*(phone.vote(asked.id, 1, 1, "the-same-token") for _ in range(20)))
        assert {status for status, _ in answers} == {200}

    run(go())
    assert len(kept(db, VOTES)) == 1


def test_votes_that_come_within_a_moment_are_kept_in_fewer_transactions(server, db, room, monkeypatch):
    asked = activities.ask(db, room, QUESTION)
    together: list[int] = []
    cast_all = votes.cast_all
    monkeypatch.setattr(
        votes, "cast_all", lambda db, b, allow: together.append(len(b)) or cast_all(db, b, allow)
    )

    async def vote(phone, after):
        await asyncio.sleep(after)
        return await phone.vote(asked.id, 1, 1)

    async def go():
        phones = [server.phone(room) for _ in range(8)]
        for phone in phones:
            await phone.join()
        # Further apart than keeping one takes: without a wait each would be alone.
        answers = await asyncio.gather(*(vote(phone, 0.02 * n) for n, phone in enumerate(phones)))
        assert {status for status, _ in answers} == {200}

    run(go())
    assert sum(together) == len(kept(db, VOTES)) == 8
    assert len(together) <= 4


def test_a_backlog_of_votes_is_not_kept_waiting(db, room, monkeypatch):
    asked = activities.ask(db, room, QUESTION)
    monkeypatch.setattr(routes, "MAX_TOGETHER", 4)
    monkeypatch.setattr(routes, "GATHERED", 3600)
    secrets = [rooms.join(db, room.code, None)[2] for _ in range(12)]

    async def go():
        phones, loop = routes.Phones(lambda: db), asyncio.get_running_loop()
        for n, secret in enumerate(secrets):
            ballot = votes.Ballot(room.code, secret, asked.id, 1, f"token-{n:04}", 1)
            phones._ballots.append((ballot, loop.create_future()))
        await asyncio.wait_for(phones._count(), 60)

    run(go())
    assert len(kept(db, VOTES)) == 12


def test_a_megabyte_is_refused_before_it_is_read(server, db, room):
    async def go():
        phone = server.phone(room)
        await phone.join()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            f"POST /c/{room.code}/vote HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: 1000000\r\nCookie: {phone.cookie}\r\n\r\n"
        )
        writer.write(head.encode() + b"x" * 10_000)  # and no more: the answer does not wait for the rest
        await writer.drain()
        assert b" 413 " in await reader.readline()
        writer.close()

    run(go())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b'"text"', b"\xff\xfe", b"[" * 4000, b'{"activity": NaN}', b'{"round": []}'],
)
def test_what_is_no_vote_is_refused_and_not_an_error_of_the_server(server, db, room, body):
    async def go():
        phone = server.phone(room)
        await phone.join()
        for what in ("vote", "nickname", "lost"):
            status, _, told = await phone.request("POST", f"/c/{room.code}/{what}", body)
            assert status == 400 and json.loads(told)["error"], what

    run(go())


def test_a_form_of_another_site_can_send_nothing(server, db, room):
    async def go():
        phone = server.phone(room)
        await phone.join()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            status, _, _ = await phone.request("POST", f"/c/{room.code}/lost", b'{"lost": true}', kind)
            assert status == 400

    run(go())


def test_a_script_in_a_nickname_or_an_answer_stays_text(server, db, room):
    """It is kept as it was written; no route answers with HTML that holds what a visitor wrote."""
    asked = activities.ask(db, room, free_question("text", HOSTILE[:100]))

    async def go():
        phone = server.phone(room)
        await phone.join()
        status, told = await phone.post("nickname", {"nickname": HOSTILE})
        assert status == 200 and told["nickname"] == HOSTILE[: rooms.NICKNAME_LENGTH]
        assert (await phone.vote(asked.id, 1, HOSTILE))[0] == 200
        with db.read() as connection:
            (vote,) = votes.of_activity(connection, asked.id)
        activities.approve(db, room, asked, vote.id, True)
        activities.set_phase(db, room, asked, "reveal")
        for path in (f"/c/{room.code}", f"/c/{HOSTILE[:8].replace('/', '')}", "/c/"):
            _, headers, body = await phone.request("GET", path.replace(" ", "%20").replace("<", "%3C"))
            assert "text/html" in dict(headers)["content-type"] and b"alert" not in body
        told = await heard(phone.listen(), lambda e, _: e == "message")
        assert told["state"]["activity"]["result"]["texts"] == [HOSTILE]

    run(go())


def test_who_asks_too_often_is_told_when_to_come_back(server, db, room):
    server.phones._writes = limits.RateLimit(30, 1e-3)  # which does not refill however slow this machine is

    async def go():
        phone, other = server.phone(room), server.phone(room)
        await phone.join()
        await other.join()
        answers = [await phone.post("lost", {"lost": True}) for _ in range(40)]
        statuses = [status for status, _ in answers]
        assert statuses[:30] == [200] * 30 and 429 in statuses[30:]
        status, headers, body = await phone.request("POST", f"/c/{room.code}/lost", b'{"lost": true}')
        assert status == 429 and int(dict(headers)["retry-after"]) >= 1
        assert "wait a moment" in json.loads(body)["error"]
        assert (await other.post("lost", {"lost": True}))[0] == 200  # nobody else is held up

    run(go())


def test_codes_cannot_be_tried_out(server, room):
    server.phones._strangers = limits.RateLimit(60, 1e-3)

    async def go():
        statuses = [await Phone(server.port, f"ZZZ{i:03}").join() for i in range(90)]
        assert statuses[0] == 404 and statuses[-1] == 429

    run(go())


def test_after_too_many_wrong_codes_a_right_one_is_not_looked_up_but_who_has_joined_comes_back(server, room):
    server.phones._strangers = limits.RateLimit(3, 1e-3)

    async def go():
        here, new = server.phone(room), server.phone(room)
        assert await here.join() == 200
        assert [await Phone(server.port, f"ZZZ{i:03}").join() for i in range(4)] == [404, 404, 404, 429]
        assert await new.join() == 429 and await here.join() == 200

    run(go())


def test_a_secret_that_was_made_up_counts_as_a_newcomer(server, db, room):
    server.phones._joins = limits.RateLimit(5, 1e-3)

    async def go():
        phone = server.phone(room)
        statuses = []
        for _ in range(8):
            phone.cookie = f"{routes.PARTICIPANT}=junk"
            statuses.append((await phone.request("POST", f"/c/{room.code}/join", b"{}"))[0])
        assert statuses == [200] * 5 + [429] * 3

    run(go())
    assert len(kept(db, PARTICIPANTS)) == 5


def test_a_secret_of_half_a_character_is_a_wrong_one(server, room):
    async def go():
        body = json.dumps({"code": room.code, "secret": "\ud800"}).encode()
        status, *_ = await server.phone(room).request("POST", "/host", body)
        assert status == 409

    run(go())


def test_a_phone_that_is_loaded_anew_knows_that_it_is_lost(server, db, room):
    async def go():
        phone = server.phone(room)
        await phone.join()
        assert phone.mine["lost"] is False
        await phone.post("lost", {"lost": True})
        await phone.join()
        assert phone.mine["lost"] is True
        rooms.close_room(db, room)
        assert (await phone.post("lost", {"lost": False}))[0] == 409

    run(go())


@pytest.mark.slow
def test_a_whole_class_behind_one_address_gets_in(server, db, room):
    async def go():
        phones = [server.phone(room) for _ in range(300)]
        statuses = []
        for start in range(0, 300, 50):
            statuses += await asyncio.gather(*(phone.join() for phone in phones[start : start + 50]))
        assert set(statuses) == {200}

    run(go())
    assert len(kept(db, PARTICIPANTS)) == 300


@pytest.mark.slow
def test_a_room_has_a_limit_of_listeners(server, db, room, monkeypatch):
    monkeypatch.setattr(routes, "MAX_LINES", 1)

    async def go():
        phone = server.phone(room)
        await phone.join()
        listening = phone.listen()
        await heard(listening, lambda e, _: e == "message")
        status, _, _ = await phone.request("GET", f"/c/{room.code}/events")
        assert status == 429
        await listening.aclose()

    run(go())


def test_a_rate_limit_refills_and_forgets_keys_used_long_ago(monkeypatch):
    now = [0.0]
    limit = limits.RateLimit(burst=2, per_second=0.5, clock=lambda: now[0])
    limit.spend("a")
    limit.spend("a")
    with pytest.raises(TooMany) as raised:
        limit.spend("a")
    assert raised.value.wait == pytest.approx(2)
    limit.spend("b")
    now[0] = 2.0
    limit.spend("a")
    monkeypatch.setattr(limits, "KEPT", 1)
    limit.spend("b")  # "a" is forgotten for it
    limit.spend("a")
    limit.spend("a")

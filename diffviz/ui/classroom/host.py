"""Whose room it is: the host's right in this browser, what a host may do, and the address that phones can reach.

The secret lives in the session, and by the host's link (`/host`) in a cookie that no script can read, so a reload or
another tab is the host too.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from diffviz.classroom import rooms
from diffviz.classroom.database import database
from diffviz.classroom.errors import ClassroomError, NotThere, Refused
from diffviz.classroom.limits import RateLimit
from diffviz.classroom.rooms import Room
from diffviz.classroom.routes import HOST
from diffviz.ui.turns import visitor

_KEY = "classroom"  # in the session: (code, secret), or () after the host has left the room
_PROBLEM = "classroom-problem"
_ADDRESS = "classroom-address"
_COOKIE = re.compile(r'"?(\w{6})\.([\w-]{20,60})"?')
_openings = RateLimit(burst=6, per_second=1 / 300)  # by visitor


@dataclass(frozen=True)
class Host:
    """The room of this browser, and the secret that is the host's right to it."""

    room: Room
    secret: str


def may_be_host() -> bool:
    """Whether this browser has a room, as far as can be told without asking the database."""
    return bool(_credentials())


def current() -> Host | None:
    """The room that this browser is the host of, as it is kept now; None without one. Raises ClassroomError."""
    given = _credentials()
    if not given:
        return None
    try:
        return Host(rooms.hosted_room(database(), *given), given[1])
    except (NotThere, Refused):  # erased, removed after its days, or a cookie of another server
        st.session_state[_KEY] = ()
        return None


def _credentials() -> tuple[str, str] | None:
    given: tuple[str, ...] | None = st.session_state.get(_KEY)
    if given is None:
        found = _COOKIE.fullmatch(str(st.context.cookies.get(HOST)))
        given = (found[1], found[2]) if found else ()
    return (given[0], given[1]) if given else None


def open_room(title: str, nicknames: bool) -> None:
    """Open a room and be its host in this session."""

    def opened() -> None:
        _openings.spend(str(visitor()))
        room, secret = rooms.open_room(database(), title, nicknames=nicknames)
        st.session_state[_KEY] = (room.code, secret)
        st.session_state["classroom-link"] = True  # which is shown once

    attempt(opened)


def leave() -> None:
    """Be the host no longer in this session; the browser forgets its cookie when the page is drawn."""
    st.session_state[_KEY] = ()
    st.session_state["classroom-left"] = True


def attempt(action: Callable[..., Any], *args: Any) -> None:
    """Do something from a button's callback; what goes wrong is a sentence on the page (`problem`)."""
    try:
        action(*args)
    except ClassroomError as error:
        st.session_state[_PROBLEM] = str(error)


def problem() -> str | None:
    """The sentence on what went wrong last, told once."""
    return st.session_state.pop(_PROBLEM, None)


# --- addresses -----------------------------------------------------------------------------------------------


def app_address() -> str:
    """The address of the app for other devices, without a slash at its end: what the host has set, or a good guess.

    A page opened as "localhost" is reached by phones under this computer's address in its network.
    """
    return st.session_state.get(_ADDRESS) or reachable(st.context.url or "http://localhost:8501")


def set_address(typed: str) -> None:
    """Keep the address that the host has typed, "http://" added where it is missing; an empty one is the guess again."""
    typed = typed.strip().rstrip("/")
    st.session_state[_ADDRESS] = f"http://{typed}" if typed and "://" not in typed else typed


def reachable(url: str) -> str:
    """The folder of a page's address, with this computer's address in the network in place of "localhost"."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if is_local(parts.hostname or "") and _listens_to_others() and (found := network_address()):
        netloc = f"{found}:{parts.port}" if parts.port else found
    return f"{parts.scheme}://{netloc}{parts.path.rsplit('/', 1)[0]}"


def _listens_to_others() -> bool:
    """Whether other devices can reach this server: where it, or the proxy in front of it, does not listen locally alone."""
    proxy = os.environ.get("DIFFVIZ_BIND", "").rpartition(":")[0]
    return not is_local(proxy or st.get_option("server.address") or "0.0.0.0")


def is_local(name: str) -> bool:
    """Whether a host name reaches only the computer that uses it."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def network_address() -> str | None:
    """This computer's address in its network, or None. Nothing is sent: a UDP socket only looks up its route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address kept for documentation (RFC 5737)
            found = probe.getsockname()[0]
        except OSError:
            return None
    return None if is_local(found) or found == "0.0.0.0" else found

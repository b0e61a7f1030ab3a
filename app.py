"""The server, `streamlit run app.py`: Streamlit's pages and routes for plain HTTP on one port."""

import asyncio
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from diffviz.classroom.routes import Phones
from diffviz.lessons import postgresql
from diffviz.lessons.pages import FORMER_SLUGS
from diffviz.serving import engine, remote, security
from diffviz.serving.compression import CompressedFiles
from diffviz.serving.first_paint import StyledStartPage
from diffviz.ui import errors, frame, opening, turns

START_PAGE = Path(st.__file__).with_name("static") / "index.html"  # Streamlit's, for every address
EVERY_ADDRESS = (None, "", "0.0.0.0", "::")  # what listens everywhere is reached as localhost


async def moved(request: Request) -> RedirectResponse:
    """A page under its former address: on to the new one with all parameters, relative as the app may lie in a folder."""
    slug = FORMER_SLUGS[request.url.path.rpartition("/")[2]]
    return RedirectResponse(f"{slug}?{request.url.query}" if request.url.query else slug, 308)


@asynccontextmanager
async def running(_: st.App) -> AsyncIterator[None]:
    """Opens the start page, as `streamlit run` does for a script but not for an st.App; loads torch; serves the phones."""
    if not st.get_option("server.headless"):
        address = st.get_option("server.address")
        host = "localhost" if address in EVERY_ADDRESS else address
        url = f"http://{host}:{st.get_option('server.port')}"
        asyncio.get_running_loop().call_later(0.5, webbrowser.open, url)  # when the port is listened on
    frame.warm()
    with phones.ended_on_signals():
        yield


try:
    turns.scheduler()
    postgresql.from_environment()
    engine.choose(engine.from_environment(), remote.from_environment())
    headers_and_hosts = security.middleware(START_PAGE.read_text())
except ValueError as error:
    sys.exit(f"diffviz cannot start: {error}.")

# How long one thread may keep the others waiting, 5 ms by default: phones' votes wait behind runs, and runs behind votes.
sys.setswitchinterval(0.001)
phones = Phones()
folder = (st.get_option("server.baseUrlPath") or "").strip("/")
base = f"/{folder}" if folder else ""
app = st.App(
    "home.py",
    routes=[*(Route(f"{base}/{old}", moved) for old in FORMER_SLUGS), *phones.routes(base)],
    middleware=[
        *headers_and_hosts,
        Middleware(CompressedFiles),
        Middleware(StyledStartPage, head=frame.first_paint(), body=opening.body()),
    ],
    lifespan=running,
    on_script_error=errors.report,
)

"""How long a visitor waits when many are there: reruns of pages with a player, by 1 and by many visitors.

    python -m bench.load                              # 1 and 20 visitors on the forward and the reverse page
    python -m bench.load --visitors 1 100 300 --every 15
    python -m bench.load --collect                    # and what collecting garbage after each run would cost

It speaks Streamlit's own websocket protocol. Each visitor opens a page, waits for it, and then, every few seconds, either
runs it again with nothing changed or moves its control, and waits for it again. Every answer is checked to be of the
page that was meant, by the server's own list of pages, and to have the control that is moved on it; the program ends
with an error otherwise. Printed are the median and the 95th percentile of the wait, the server's processor time a
rerun, which tells more on a busy machine, and its memory for each visitor after the first.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Selectbox_pb2 import Selectbox
from streamlit.proto.WidgetStates_pb2 import WidgetState

from bench.server import AppServer

WHOLE_RUN = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY
CUT_SHORT = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN
PATIENCE = 900.0  # seconds
CONTROLS = ("slider", "radio", "selectbox", "button", "button_group")


class WrongPageError(RuntimeError):
    """What came back is not what was asked for: nothing that was timed would count."""


@dataclass(frozen=True)
class Target:
    """A page to be driven: its slug, what its link says, and the control that is moved, by its label and its values.

    One that has values is on the page after every rerun.
    """

    slug: str
    link: dict[str, str]
    control: str
    values: tuple[str, ...]


TARGETS = (
    Target("forward", {}, "Number of steps T", ("10", "25", "50", "100")),
    Target("reverse", {"steps": "10"}, "Panels", ("xₜ, x̂₀, ε̂", "xₜ, x̂₀, conditional x̂₀(c)")),
)


class Visitor:
    """One visitor of a page; `cookie` is sent as a browser would send it, such as a host's."""

    def __init__(self, port: int, target: Target, cookie: str | None = None) -> None:
        self.target = target
        self.socket = websocket.create_connection(
            f"ws://localhost:{port}/_stcore/stream",
            subprotocols=["streamlit"],
            timeout=PATIENCE,
            cookie=cookie,
        )
        self.states: dict[str, WidgetState] = {}
        self.page_hash = ""  # the server picks the page by its name until it has told the hash
        self.elements: dict[str, Any] = {}  # controls of the last run by their labels
        self.texts: list[str] = []  # of progress bars and notices
        self.right_page = False
        try:
            self.rerun()
            self.rerun()  # the first visit of a page shows its run as it is computed: not what is measured here
        except BaseException:
            self.socket.close()
            raise

    def rerun(self) -> float:
        """Run the page; returns the seconds until it was done. Raises WrongPageError where it is another page."""
        message = BackMsg()
        message.rerun_script.query_string = urllib.parse.urlencode(self.target.link)
        message.rerun_script.page_name = self.target.slug
        message.rerun_script.page_script_hash = self.page_hash
        for state in self.states.values():
            message.rerun_script.widget_states.widgets.append(state)
        began = time.perf_counter()
        self.right_page, self.elements = False, {}
        self.socket.send_binary(message.SerializeToString())
        self._wait()
        took = time.perf_counter() - began
        if not self.right_page:
            raise WrongPageError(f"the server ran another page than “{self.target.slug}”")
        if self.target.values:
            self.found(self.target.control)
        return took

    def found(self, label: str) -> Any:
        """The control of this label, or else the first that begins with it. Raises WrongPageError where there is none."""
        if label in self.elements:
            return self.elements[label]
        for name, element in self.elements.items():
            if name.startswith(label) and not name[len(label)].isalnum():  # “Step” is not “Steps”
                return element
        raise WrongPageError(f"“{self.target.slug}” has no control named “{label}”")

    def _wait(self) -> None:
        """Until the page has run to its end, or for PATIENCE: a server that pings may still never answer."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            kind, frame = self.socket.recv_data_frame(control_frame=True)
            if kind == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("the server closed the connection")
            if kind != websocket.ABNF.OPCODE_BINARY:
                continue
            message = ForwardMsg()
            message.ParseFromString(frame.data)
            if message.WhichOneof("type") == "navigation":
                # Not `new_session`: its hash is that of the server's script, whatever the page.
                pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self.page_hash = pages.get(self.target.slug, "")
                self.right_page = message.navigation.page_script_hash == self.page_hash != ""
            element = message.delta.new_element
            for kind in CONTROLS:
                if element.HasField(kind):
                    self.elements[getattr(element, kind).label] = getattr(element, kind)
            if element.HasField("progress"):
                self.texts.append(element.progress.text)
            if element.HasField("alert"):
                self.texts.append(element.alert.body)
            if element.HasField("exception"):
                raise WrongPageError(f"the page failed: {element.exception.type}")
            if message.WhichOneof("type") == "script_finished" and message.script_finished != CUT_SHORT:
                if message.script_finished != WHOLE_RUN:
                    raise WrongPageError("the page did not run to its end")
                return
        raise WrongPageError(f"“{self.target.slug}” has not run to its end in {PATIENCE:.0f} s")

    def move(self) -> float:
        """Put the control elsewhere; returns the seconds until the page was done."""
        chosen, control = random.choice(self.target.values), self.found(self.target.control)
        state = WidgetState(id=control.id)
        if isinstance(control, Selectbox):
            state.string_value = chosen
        elif control.options:  # a choice among names
            state.string_array_value.data.append(chosen)
        else:
            state.double_array_value.data.append(float(chosen))
        self.states[control.id] = state
        return self.rerun()

    def rest(self, seconds: float) -> None:
        """Do nothing for a while, but answer the server's pings as a browser does."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                self.socket.recv()
            except websocket.WebSocketTimeoutException:
                break
        self.socket.settimeout(PATIENCE)


@dataclass(frozen=True)
class Waits:
    """Seconds of every rerun, and what they took of the server: processor seconds in all, MB at the end."""

    seconds: Sequence[float]
    processor: float
    memory: float

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]


def visit(server: AppServer, target: Target, visitors: int, reruns: int, every: float, moving: bool) -> Waits:
    """The waits of so many visitors. Raises the first error that one of them met."""
    seconds: list[float] = []
    errors: list[BaseException] = []
    ready = threading.Barrier(visitors + 1, timeout=PATIENCE)

    def one() -> None:
        try:
            visitor = Visitor(server.port, target)
            ready.wait()
            visitor.rest(every * random.random())
            for _ in range(reruns):
                seconds.append(visitor.move() if moving else visitor.rerun())
                visitor.rest(every * random.uniform(0.7, 1.3))
            visitor.socket.close()
        except BaseException as error:
            errors.append(error)
            ready.abort()

    threads = [threading.Thread(target=one, daemon=True) for _ in range(visitors)]
    for thread in threads:
        thread.start()
    process = psutil.Process(server.process.pid)
    try:
        ready.wait()
    except threading.BrokenBarrierError:
        raise next(
            (e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0]
        ) from None
    before = sum(process.cpu_times()[:2])
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return Waits(seconds, sum(process.cpu_times()[:2]) - before, server.memory())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--visitors", type=int, nargs="+", default=[1, 20], help="how many at once, one after another"
    )
    parser.add_argument("--reruns", type=int, default=5, help="of each visitor, at least 20 in all")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between the reruns of one visitor")
    parser.add_argument("--collect", action="store_true", help="also with garbage collected after each run")
    args = parser.parse_args()
    medians: dict[str, float] = {}
    for collecting in ("false", "true") if args.collect else ("false",):
        with AppServer("--runner.postScriptGC", collecting) as server:
            print(f"postScriptGC = {collecting}")
            for target in TARGETS:
                alone: dict[bool, Waits] = {}
                for n in args.visitors:
                    for moving in (False, True):
                        reruns = max(args.reruns, -(-20 // n))
                        found = visit(server, target, n, reruns, args.every if n > 1 else 0.2, moving)
                        first = alone.setdefault(moving, found)
                        medians[collecting] = found.p50
                        each = (found.memory - first.memory) / max(n - 1, 1)
                        more = f"  {each:5.1f} MB a further visitor" if n > 1 else ""
                        print(
                            f"  {target.slug:8} {n:4} visitors, {'moved    ' if moving else 'unchanged'}: "
                            f"p50 {found.p50 * 1000:6.0f} ms  p95 {found.p95 * 1000:6.0f} ms "
                            f"(×{found.p95 / first.p95:.1f})  processor {found.processor / len(found.seconds) * 1000:5.0f} "
                            f"ms a rerun{more}"
                        )
    if args.collect:
        gain = medians["true"] / medians["false"]
        print(f"collecting garbage takes {gain:.1f} times the median wait at {args.visitors[-1]} visitors")
        if gain < 1.2:
            sys.exit("runner.postScriptGC makes no difference any more: look at .streamlit/config.toml again")


if __name__ == "__main__":
    try:
        main()
    except (WrongPageError, OSError) as error:
        sys.exit(str(error))

"""How long a visitor waits when many are there: sessions moving a slider on the forward page.

    python -m bench.load                 # 1 and 50 sessions, with and without garbage collection after each run
    python -m bench.load --sessions 100 --moves 5

It speaks Streamlit's own websocket protocol: each session opens the page, waits for it to finish, then moves
the slider "Steps T of the chain" once in `--every` seconds and waits for the page to finish again. Printed
are the median and the 95th percentile of that wait, and their ratios. `.streamlit/config.toml` turns an
undocumented option off (runner.postScriptGC); the program exits with an error when that no longer helps.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import websocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.server import AppServer

WHOLE_RUN = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY
SLIDER = "Steps T of the chain"
POSITIONS = 4  # stops of the slider that are used: 10, 25, 50 and 100 steps


class Session:
    """One visitor of the forward page."""

    def __init__(self, port: int) -> None:
        self.socket = websocket.create_connection(
            f"ws://localhost:{port}/_stcore/stream", subprotocols=["streamlit"], timeout=300
        )
        self.states: dict = {}
        self.slider = ""
        self.page_hash = ""
        self._rerun()
        self._finish()
        self.move()  # the first visit of a page shows its run as it is computed: not what is measured here

    def _rerun(self) -> None:
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.page_name = "forward"
        message.rerun_script.page_script_hash = self.page_hash
        for state in self.states.values():
            message.rerun_script.widget_states.widgets.append(state)
        self.socket.send_binary(message.SerializeToString())

    def _finish(self) -> None:
        while True:
            message = ForwardMsg()
            received = self.socket.recv()
            message.ParseFromString(received if isinstance(received, bytes) else received.encode())
            if message.HasField("new_session"):
                self.page_hash = message.new_session.page_script_hash
            element = message.delta.new_element
            if element.HasField("slider") and element.slider.label == SLIDER:
                self.slider = element.slider.id
            if message.WhichOneof("type") == "script_finished" and message.script_finished == WHOLE_RUN:
                return

    def move(self) -> float:
        """Put the slider elsewhere; returns the seconds until the page was done."""
        from streamlit.proto.WidgetStates_pb2 import WidgetState

        state = WidgetState(id=self.slider)
        state.double_array_value.data.append(random.randrange(POSITIONS))
        self.states[self.slider] = state
        began = time.perf_counter()
        self._rerun()
        self._finish()
        return time.perf_counter() - began

    def rest(self, seconds: float) -> None:
        """Do nothing for a while, but answer the server's pings as a browser does."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                self.socket.recv()
            except websocket.WebSocketTimeoutException:
                break
        self.socket.settimeout(300)


def waits(port: int, sessions: int, moves: int, every: float) -> list[float]:
    """Seconds of every move of every session; ends the program if a session was lost on the way."""
    seen: list[float] = []

    def visit() -> None:
        time.sleep(random.random() * every)
        visitor = Session(port)
        if not visitor.slider:
            raise SystemExit(f"no slider named {SLIDER!r} on the forward page")
        for _ in range(moves):
            visitor.rest(every * random.uniform(0.7, 1.3))
            seen.append(visitor.move())
        visitor.socket.close()

    threads = [threading.Thread(target=visit) for _ in range(sessions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if len(seen) != sessions * moves:
        raise SystemExit(f"only {len(seen)} of {sessions * moves} moves were answered")
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--moves", type=int, default=4, help="moves of each session")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between the moves of one session")
    args = parser.parse_args()
    medians = {}
    for collecting in ("false", "true"):
        with AppServer("--runner.postScriptGC", collecting) as server:
            with urllib.request.urlopen(f"{server.url}/forward"):
                pass
            rows = {}
            for n in (1, args.sessions):
                seen = waits(server.port, n, max(args.moves, 12 // n), args.every if n > 1 else 1.0)
                rows[n] = (statistics.median(seen), statistics.quantiles(seen, n=20)[-1])
                name = "collecting garbage after each run" if collecting == "true" else "as configured"
                print(
                    f"{name}: {n:3} sessions: p50 {rows[n][0] * 1000:6.0f} ms   p95 {rows[n][1] * 1000:6.0f} ms"
                )
            one, many = rows[1], rows[args.sessions]
            print(f"   ratio {args.sessions} to 1: p50 {many[0] / one[0]:.1f}   p95 {many[1] / one[1]:.1f}")
            medians[collecting] = many[0]
    gain = medians["true"] / medians["false"]
    print(f"collecting costs {gain:.1f} times the median wait at {args.sessions} sessions")
    if gain < 1.2:
        sys.exit("runner.postScriptGC makes no difference any more: look at .streamlit/config.toml again")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(str(error))

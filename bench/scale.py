"""What a class needs: images a second by workers and batch, and a queueing model fitted to them.

    python -m bench.scale                                   # 1 and 2 workers, batches of 1 to 16 images, emoji64
    python -m bench.scale --students 30 3000 --every 60     # an image a minute of each student
    python -m bench.scale --write                           # and keep it: bench/scale.json, and the chart bench/scale.svg
    python -m bench.scale --draw                            # the chart again, of the file

Workers are processes of one thread each that draw with guidance at the same time, as those of a server with so many cores.
Printed are the images of 30 steps they draw in a second, and the processor seconds an image takes; on a busy machine only
the latter tells anything, and a second worker shows how much two of them take from each other.

The second table is computed: students ask for images independently of each other, and move a control in between. An image
takes the processor time that a run of the lesson on the reverse process took of the running server, so with all that the
page shows; "network alone" is what would be left if the rest cost nothing, drawn one by one and in the best batch. A moved
control takes a rerun (`python -m bench.rerun`). Cores are counted so that 95 % of the images begin within the given seconds
(`diffviz/serving/queueing.py`). "All at once" is a class that presses the button together, on those cores.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import html
import json
import math
import multiprocessing
import os
import platform
import statistics
import time
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from bench.fairness import RUN, press
from bench.load import Visitor
from bench.server import AppServer
from diffviz.serving.queueing import Queue, Service, servers_needed, together

BATCHES = (1, 2, 4, 8, 16)
STEPS = 30  # of an image
MEASURED_STEPS = 5  # that are run of them: all take equally long
PAGE_RUNS = 8
FOUND = Path(__file__).with_name("scale.json")
CHART = FOUND.with_suffix(".svg")
RERUN = 0.020  # processor seconds of a rerun that changes nothing, the most that bench.rerun lets pass


@dataclass(frozen=True)
class Drawn:
    """What so many workers drew in batches of one size: images a second together, and what one image took of a core."""

    rate: float
    image: Service


def work(model: str, batch: int, rounds: int, ready: Any, done: Any) -> None:
    """One worker: draws `rounds` batches at the same time as the others; puts (seconds, processor seconds) of each."""
    import torch

    from diffviz.pipelines.text_to_image import Settings, sample_steps

    torch.set_num_threads(1)
    settings = Settings("cat face", "noto", steps=MEASURED_STEPS, model=model)

    def draw() -> None:
        for _ in sample_steps(settings, seeds=range(batch)):
            pass

    draw()
    ready.wait()
    taken = []
    for _ in range(rounds):
        began, computed = time.perf_counter(), time.thread_time()
        draw()
        taken.append((time.perf_counter() - began, time.thread_time() - computed))
    done.put(taken)


def drawn(model: str, workers: int, batch: int, rounds: int) -> Drawn:
    """Measure so many workers at this batch."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=work, args=(model, batch, rounds, ready, done)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    found = [done.get(timeout=900) for _ in processes]
    for process in processes:
        process.join()
    scale = STEPS / MEASURED_STEPS
    rate = sum(batch / (statistics.median(wall for wall, _ in taken) * scale) for taken in found)
    computed = [busy * scale / batch for taken in found for _, busy in taken]
    mean = statistics.fmean(computed)
    return Drawn(rate, Service(mean, statistics.pvariance(computed) / mean**2))


def run_on_the_page(rounds: int) -> Service:
    """What "New seed" in the lesson on the reverse process takes of the server, alone."""
    with AppServer() as server:
        visitor, process = Visitor(server.port, RUN), psutil.Process(server.process.pid)
        press(visitor, "New seed")
        taken = []
        for _ in range(rounds):
            before = sum(process.cpu_times()[:2])
            press(visitor, "New seed")
            taken.append(sum(process.cpu_times()[:2]) - before)
        visitor.socket.close()
    mean = statistics.fmean(taken)
    return Service(mean, statistics.pvariance(taken) / mean**2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="emoji64")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--rounds", type=int, default=3, help="batches that each worker draws")
    parser.add_argument("--students", type=int, nargs="+", default=[30, 300, 3000])
    parser.add_argument(
        "--every", type=float, default=60.0, help="seconds between two images that a student asks for"
    )
    parser.add_argument(
        "--move", type=float, default=10.0, help="seconds between two controls that a student moves"
    )
    parser.add_argument("--wait", type=float, default=2.0, help="seconds that 95 %% may wait at most")
    parser.add_argument("--write", action="store_true", help="keep what was found, and draw it")
    parser.add_argument("--draw", action="store_true", help="draw what was kept, and measure nothing")
    args = parser.parse_args()
    if args.draw:
        CHART.write_text(chart(json.loads(FOUND.read_text())))
        return
    print(f"{args.model}, {STEPS} steps with guidance, one thread a worker")
    print("workers  batch  images a second  processor seconds an image")
    busy = max(psutil.getloadavg())  # before anything is measured: what else the machine does
    measured: list[dict[str, float]] = []
    alone: dict[int, Service] = {}
    for workers in args.workers:
        for batch in args.batches:
            found = drawn(args.model, workers, batch, args.rounds)
            print(f"{workers:7}  {batch:5}  {found.rate:15.2f}  {found.image.mean:26.2f}", flush=True)
            measured.append(
                {"workers": workers, "batch": batch, "rate": found.rate, "processor": found.image.mean}
            )
            if workers == max(args.workers):
                alone[batch] = found.image
    page, batch = run_on_the_page(PAGE_RUNS), min(alone, key=lambda b: alone[b].mean)
    print(f"\nA run of the page takes {page.mean:.2f} processor seconds of the server.")
    served = {
        "as the page does": page,
        "network alone": alone[min(alone)],
        f"in batches of {batch}": alone[batch],
    }
    print(
        f"\nAn image every {args.every:g} s and a control moved every {args.move:g} s of each student; 95 % begin within "
        f"{args.wait:g} s"
    )
    print("students  drawn               cores  busy  mean wait  all at once: mean, last")
    for students in args.students:
        for name, service in served.items():
            need = needed(students, service, args.every, args.move, args.wait)
            print(
                f"{students:8}  {name:18}  {need.cores:5.1f}  {need.busy:4.0%}  {need.wait:7.2f} s  "
                f"{need.together[0]:8.1f} s, {need.together[1]:6.1f} s"
            )
    if args.write:
        kept = {
            "machine": machine(), "load": round(busy, 1),
            "model": args.model, "steps": STEPS, "rounds": args.rounds, "page_runs": PAGE_RUNS,
            "every": args.every, "move": args.move, "wait": args.wait, "measured": measured,
            "served": {name: dataclasses.asdict(service) for name, service in served.items()},
        }  # fmt: skip
        FOUND.write_text(json.dumps(kept, indent=1) + "\n")
        CHART.write_text(chart(kept))


@dataclass(frozen=True)
class Need:
    """What so many students need: cores, how busy they are with images, the mean wait, and (mean, last) of all at once."""

    cores: float
    busy: float
    wait: float
    together: tuple[float, float]


def needed(students: int, service: Service, every: float, move: float, wait: float) -> Need:
    """The cores with which 95 % of the images begin within `wait` seconds."""
    drawing = servers_needed(students / every, service, wait)
    queue = Queue(students / every, service, drawing)
    # Reruns are served at once: a core each for as long as they take, on top.
    cores = drawing + students / move * RERUN
    return Need(cores, queue.utilisation, queue.mean_wait, together(students, service, drawing))


def machine() -> str:
    """The processor and torch, in words."""
    name = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, torch {metadata.version('torch')}, {date.today():%B %Y}"


# --- the chart: cores over students, both on logarithmic axes ------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 64, 170, 56, 92
STUDENTS, CORES = (10, 10_000), (0.5, 500)
COLOURS = ("#0b5cad", "#b8460e", "#2c7a4b")
DASHES = ("", "7 4", "2 4")


def chart(kept: dict[str, Any]) -> str:
    """The cores a class needs by its size, as SVG, of what `--write` keeps."""

    def across(students: float) -> float:
        low, high = (math.log10(v) for v in STUDENTS)
        return LEFT + (math.log10(students) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def up(cores: float) -> float:
        low, high = (math.log10(v) for v in CORES)
        return HEIGHT - BOTTOM - (math.log10(cores) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def text(x: float, y: float, said: str, **more: str) -> str:
        attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{html.escape(said)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" '
        'fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 24, "Cores that a class needs", font_size="16", font_weight="bold"),
        text(LEFT, 42, f"an image every {kept['every']:g} s and a control every {kept['move']:g} s of each student; "
                       f"95 % begin within {kept['wait']:g} s"),
    ]  # fmt: skip
    for students in (10, 100, 1000, 10_000):
        x = across(students)
        parts.append(f'<path d="M{x:.1f} {up(CORES[0]):.1f}V{up(CORES[1]):.1f}" stroke="#ddd"/>')
        parts.append(text(x, HEIGHT - BOTTOM + 18, f"{students:,}", text_anchor="middle"))
    for cores in (1, 10, 100):
        y = up(cores)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, y + 4, str(cores), text_anchor="end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 38, "students", text_anchor="middle"))
    parts.append(text(18, (TOP + HEIGHT - BOTTOM) / 2, "cores", text_anchor="middle",
                      transform=f"rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2:.0f})"))  # fmt: skip
    sizes = [round(10 ** (k / 12)) for k in range(12, 49)]
    floor = 0.0
    for (name, service), colour, dash in zip(kept["served"].items(), COLOURS, DASHES, strict=True):
        needs = [
            needed(n, Service(**service), kept["every"], kept["move"], kept["wait"]).cores for n in sizes
        ]
        line = "L".join(f"{across(n):.1f} {up(cores):.1f}" for n, cores in zip(sizes, needs, strict=True))
        parts.append(
            f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        floor = max(up(needs[-1]) + 4, floor + 16)  # labels that would overlap move down
        parts.append(text(WIDTH - RIGHT + 8, floor, name, fill=colour))
    said = f"{kept['page_runs']} runs of a page, {kept['rounds']} batches a worker, load average {kept['load']:g} before"
    parts.append(
        text(LEFT, HEIGHT - 26, f"Computed as a queue (M/G/c) from times measured: {said}.", font_size="11")
    )
    parts.append(text(LEFT, HEIGHT - 10, f"{kept['model']}, {kept['steps']} steps with guidance; {kept['machine']}",
                      font_size="11"))  # fmt: skip
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    main()

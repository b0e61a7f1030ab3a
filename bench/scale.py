"""What a class needs: images a second by workers and batch, and a queueing model fitted to them.

    python -m bench.scale                                   # 1 and 2 workers, batches of 1 to 16 images, emoji64
    python -m bench.scale --students 30 3000 --every 60     # an image a minute of each student

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
import multiprocessing
import statistics
import time
from dataclasses import dataclass
from typing import Any

import psutil

from bench.fairness import RUN, press
from bench.load import Visitor
from bench.server import AppServer
from diffviz.serving.queueing import Queue, Service, servers_needed, together

BATCHES = (1, 2, 4, 8, 16)
STEPS = 30  # of an image
MEASURED_STEPS = 5  # that are run of them: all take equally long
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
    args = parser.parse_args()
    print(f"{args.model}, {STEPS} steps with guidance, one thread a worker")
    print("workers  batch  images a second  processor seconds an image")
    alone: dict[int, Service] = {}
    for workers in args.workers:
        for batch in args.batches:
            found = drawn(args.model, workers, batch, args.rounds)
            print(f"{workers:7}  {batch:5}  {found.rate:15.2f}  {found.image.mean:26.2f}", flush=True)
            if workers == max(args.workers):
                alone[batch] = found.image
    page, batch = run_on_the_page(8), min(alone, key=lambda b: alone[b].mean)
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
            drawing = servers_needed(students / args.every, service, args.wait)
            # Reruns are served at once: a core each for as long as they take, on top.
            cores = drawing + students / args.move * RERUN
            queue = Queue(students / args.every, service, drawing)
            mean, last = together(students, service, drawing)
            print(
                f"{students:8}  {name:18}  {cores:5.1f}  {queue.utilisation:4.0%}  {queue.mean_wait:7.2f} s  "
                f"{mean:8.1f} s, {last:6.1f} s"
            )


if __name__ == "__main__":
    main()

"""The shipped networks on Ray Serve, by the contract of `wire`: replicas side by side, requests joined into batches.

    pip install '.[ray]'
    python -m diffviz.serving.ray_app              # then DIFFVIZ_DENOISER_URL=http://127.0.0.1:8600 for the pages

Where there are GPUs each replica has one, else so many cores as DIFFVIZ_REPLICA_CORES says (1). DIFFVIZ_REPLICAS is how
many there are (1), DIFFVIZ_RAY_BATCH how many requests are joined at most (8). A request waits 2 ms for others.
In a cluster of several machines: `serve run diffviz.serving.ray_app:app`.

Probes and switches in the network are not served: the pages evaluate those themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import ray  # pyright: ignore[reportMissingImports]
import torch
from ray import serve  # pyright: ignore[reportMissingImports]
from starlette.requests import Request
from starlette.responses import Response

from diffviz.serving.denoiser_app import Asked, Networks, respond
from diffviz.serving.wire import Answer

_GPU = torch.cuda.is_available()
_BATCH = int(os.environ.get("DIFFVIZ_RAY_BATCH", "8"))
_CORES = int(os.environ.get("DIFFVIZ_REPLICA_CORES", "1"))


@serve.deployment(
    num_replicas=int(os.environ.get("DIFFVIZ_REPLICAS", "1")),
    max_ongoing_requests=2 * _BATCH,  # one batch is evaluated while the next one comes together
    ray_actor_options={"num_gpus": 1} if _GPU else {"num_cpus": _CORES},
)
class Denoisers:
    """One replica."""

    def __init__(self) -> None:
        torch.set_num_threads(_CORES)
        self.networks = Networks("cuda" if _GPU else "cpu")

    async def __call__(self, http: Request) -> Response:
        evaluate: Any = self.evaluate  # which takes one each, and is given those that come together
        return await respond(http, self.networks, evaluate)

    @serve.batch(max_batch_size=_BATCH, batch_wait_timeout_s=0.002)
    async def evaluate(self, asked: list[Asked]) -> list[Answer]:
        return await asyncio.to_thread(self.networks.evaluate, asked)


app = Denoisers.bind()  # pyright: ignore[reportAttributeAccessIssue]


def _patiently(start: Callable[[], object]) -> None:
    """Call `start`, three times at most: Ray gives its processes 30 to 60 s, and a busy machine needs longer."""
    for tries in range(3, 0, -1):
        try:
            start()
            return
        except Exception as error:  # of no class of its own
            if tries == 1:
                raise
            print(f"Ray has not started, trying again: {error}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the shipped networks on Ray Serve, on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8600)
    args = parser.parse_args()
    # Ray ends a proxy that is not ready after three times 5 s and fails with it: on a busy machine it needs longer. Its
    # processes have this from the one that starts them.
    for setting in ("READY", "HEALTH"):
        os.environ.setdefault(f"RAY_SERVE_PROXY_{setting}_CHECK_TIMEOUT_S", "60")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise it tells its makers how it is used
    for ending in (signal.SIGTERM, signal.SIGINT):  # by an exception, so that Ray's processes are ended too
        signal.signal(ending, lambda *_: sys.exit(0))
    _patiently(lambda: ray.init(include_dashboard=False))
    _patiently(lambda: serve.start(http_options={"host": args.host, "port": args.port}))
    serve.run(app)
    # A second try has not waited for it.
    while any(proxy != "HEALTHY" for proxy in serve.status().proxies.values()):
        time.sleep(0.1)
    print(f"http://{args.host}:{args.port}", flush=True)
    try:
        threading.Event().wait()
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()

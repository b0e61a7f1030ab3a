"""The shipped networks on Ray Serve, by the contract of `wire`: replicas side by side, requests joined into batches.

    pip install '.[ray]'
    serve run diffviz.serving.ray_app:app          # then DIFFVIZ_DENOISER_URL=http://127.0.0.1:8000 for the pages

Where there are GPUs each replica has one, else so many cores as DIFFVIZ_REPLICA_CORES says (1). DIFFVIZ_REPLICAS is how
many there are (1), DIFFVIZ_RAY_BATCH how many requests are joined at most (8). A request waits 2 ms for others.

Probes and switches in the network are not served: the pages evaluate those themselves.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import torch
from ray import serve  # pyright: ignore[reportMissingImports]
from starlette.requests import Request
from starlette.responses import Response

from diffviz.serving.denoiser_app import Asked, Networks, respond
from diffviz.serving.wire import Answer

_GPU = torch.cuda.is_available()
_CORES = int(os.environ.get("DIFFVIZ_REPLICA_CORES", "1"))


@serve.deployment(
    num_replicas=int(os.environ.get("DIFFVIZ_REPLICAS", "1")),
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

    @serve.batch(max_batch_size=int(os.environ.get("DIFFVIZ_RAY_BATCH", "8")), batch_wait_timeout_s=0.002)
    async def evaluate(self, asked: list[Asked]) -> list[Answer]:
        return await asyncio.to_thread(self.networks.evaluate, asked)


app = Denoisers.bind()  # pyright: ignore[reportAttributeAccessIssue]

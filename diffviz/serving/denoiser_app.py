"""The shipped networks as a server of their own, by the contract of `wire`: one process, evaluations one after another.

    python -m diffviz.serving.denoiser_app --port 8600

`ray_app` serves the same with several replicas, and joins requests that come together into one batch. Neither asks who
calls: it belongs on a network that only the pages' servers reach.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import torch
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from torch import Tensor

from diffviz.models import checkpoints
from diffviz.models.denoiser import attend_by_torch, by_torch
from diffviz.models.text_encoder import MAX_TOKENS
from diffviz.models.unet import UNet
from diffviz.serving import wire

Asked = tuple[str, wire.Request]  # the SHA-256 of a network, and what to evaluate it at


class Networks:
    """The networks of the manifest by the SHA-256 of their weights, on one device; loaded when they are first asked for."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self._names = {entry.sha256: name for name, entry in checkpoints.manifest().items()}
        self._loaded: dict[str, UNet] = {}
        self._lock = threading.Lock()

    def check(self, asked: Asked) -> None:
        """Raises KeyError for a network that is not ours, WireError for a request that does not fit it."""
        network, request = asked
        config = self._net(network).config
        shape = (config.in_channels, config.size, config.size)
        if tuple(request.x.shape[1:]) != shape:
            raise wire.WireError(f"x of this network has the shape (B, {', '.join(map(str, shape))}).")
        if request.tokens.shape[1] != MAX_TOKENS:
            raise wire.WireError(f"Each image has {MAX_TOKENS} tokens, unused ones included.")
        if request.tokens.min() < 0 or request.tokens.max() >= config.n_tokens:
            raise wire.WireError(f"Tokens of this network are from 0 to {config.n_tokens - 1}.")

    def evaluate(self, asked: Sequence[Asked]) -> list[wire.Answer]:
        """The answer to each request; those to one network are evaluated as batches of up to MAX_BATCH images.

        Those that ask for attention are evaluated each on its own.
        """
        groups: dict[str, list[int]] = {}
        found: dict[int, wire.Answer] = {}
        for i, (network, request) in enumerate(asked):
            if request.attention is None:
                groups.setdefault(network, []).append(i)
            else:
                with torch.inference_mode():
                    found[i] = self._attend(network, request, request.attention)
        for network, members in groups.items():
            x, t, tokens = (
                torch.cat([getattr(asked[i][1], part) for i in members]) for part in ("x", "t", "tokens")
            )
            pieces = zip(*(part.split(wire.MAX_BATCH) for part in (x, t, tokens)), strict=True)
            with torch.inference_mode():
                v = torch.cat([self._evaluate(network, *piece) for piece in pieces])
            sizes = [len(asked[i][1].x) for i in members]
            found.update(zip(members, map(wire.Answer, v.split(sizes)), strict=True))
        return [found[i] for i in range(len(asked))]

    def _evaluate(self, network: str, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        given = (part.to(self.device) for part in (x, t, tokens))
        return by_torch(self._net(network), *given).float().cpu()

    def _attend(self, network: str, request: wire.Request, kind: str) -> wire.Answer:
        x, t, tokens = (part.to(self.device) for part in (request.x, request.t, request.tokens))
        v, weights = attend_by_torch(self._net(network), x, t, tokens, kind)
        return wire.Answer(v.float().cpu(), weights.float().cpu())

    def _net(self, network: str) -> UNet:
        with self._lock:
            if network not in self._loaded:
                self._loaded[network] = checkpoints.load(self._names[network]).net.to(self.device)
            return self._loaded[network]


async def respond(
    http: HttpRequest, networks: Networks, evaluate: Callable[[Asked], Awaitable[wire.Answer]]
) -> Response:
    """The answer to one HTTP request; `evaluate` is given what was found to be in order."""
    if http.url.path == "/health":
        return PlainTextResponse("ok")
    found = wire.PATH.fullmatch(http.url.path)
    if found is None:
        return PlainTextResponse("There is nothing here.", 404)
    if http.method != "POST":
        return PlainTextResponse("Evaluations are asked for by POST.", 405)
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > wire.MAX_BYTES:
            return PlainTextResponse(f"A request has at most {wire.MAX_BYTES:,} bytes.", 413)
    try:
        asked = found[1], wire.unpack_request(bytes(body))
        await asyncio.to_thread(networks.check, asked)
        answer = wire.pack_answer(await evaluate(asked))
    except KeyError:
        return PlainTextResponse("The network of this SHA-256 is not served here.", 404)
    except wire.WireError as error:
        return PlainTextResponse(str(error), 400)
    return Response(answer, media_type=wire.MEDIA_TYPE)


def asgi(networks: Networks | None = None) -> Starlette:
    """The server as an ASGI application."""
    served, turn = networks or Networks(), asyncio.Semaphore(1)

    async def one(asked: Asked) -> wire.Answer:
        async with turn:
            return (await asyncio.to_thread(served.evaluate, [asked]))[0]

    async def answer(http: HttpRequest) -> Response:
        return await respond(http, served, one)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def main() -> None:
    import uvicorn  # comes with Streamlit

    parser = argparse.ArgumentParser(description="Serve the shipped networks to the pages of diffviz.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--threads", type=int, default=1, help="of one evaluation")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    uvicorn.run(asgi(), host=args.host, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()

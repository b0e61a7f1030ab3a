"""What passes between the pages and a denoiser elsewhere: one evaluation of a network over HTTP.

    POST /networks/SHA256/evaluate      SHA256 of the weights file: only the very same network may answer
    request:  safetensors with x (B, C, S, S) float32, t (B,) float32, tokens (B, L) int64
    answer:   safetensors with v (B, C, S, S) float32; or a sentence as plain text, with a status from 400 on

t is the noise level as the network is told it, an angle in [0, pi/2] (`Schedule.angle`), which means the same on every
noise schedule. The format holds numbers and shapes and nothing that could be executed. Whoever reads checks all of it
before it is used, and reads no more than MAX_BYTES.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

MAX_BATCH = 64  # images in one request
MAX_BYTES = 32 * 1024 * 1024  # of a request or an answer
MEDIA_TYPE = "application/vnd.safetensors"
PATH = re.compile(r"/networks/([0-9a-f]{64})/evaluate")
_FORMS = {
    "x": (torch.float32, 4),
    "t": (torch.float32, 1),
    "tokens": (torch.int64, 2),
    "v": (torch.float32, 4),
}


class WireError(ValueError):
    """Bytes that are no request or no answer; the message is a sentence that may be sent back."""


@dataclass(frozen=True, eq=False)
class Request:
    """One evaluation: x (B, C, S, S), t (B,), tokens (B, L)."""

    x: Tensor
    t: Tensor
    tokens: Tensor


def path(network: str) -> str:
    """Where the network of this SHA-256 is evaluated."""
    return f"/networks/{network}/evaluate"


def pack_request(request: Request) -> bytes:
    """The body of a request."""
    parts = {"x": request.x, "t": request.t, "tokens": request.tokens}
    return save({name: part.detach().contiguous() for name, part in parts.items()})


def unpack_request(body: bytes) -> Request:
    """The request in a body. Raises WireError for anything else."""
    found = _tensors(body, "x", "t", "tokens")
    x, t, tokens = found["x"], found["t"], found["tokens"]
    if not 1 <= len(x) <= MAX_BATCH or not len(x) == len(t) == len(tokens):
        raise WireError(f"A request holds 1 to {MAX_BATCH} images, each with its noise level and tokens.")
    if x.shape[-1] != x.shape[-2] or not all(map(len, (x[0], tokens[0]))):
        raise WireError("Images are square, and have channels and tokens.")
    if not (torch.isfinite(x).all() and torch.isfinite(t).all()):
        raise WireError("Images and noise levels are finite numbers.")
    return Request(x, t, tokens)


def pack_answer(v: Tensor) -> bytes:
    """The body of an answer."""
    return save({"v": v.contiguous()})


def unpack_answer(body: bytes, like: Tensor) -> Tensor:
    """v in a body, of the shape of the x that was sent. Raises WireError for anything else."""
    v = _tensors(body, "v")["v"]
    if v.shape != like.shape or not torch.isfinite(v).all():
        raise WireError(f"The answer is not v of shape {tuple(like.shape)} in finite numbers.")
    return v


def _tensors(body: bytes, *names: str) -> dict[str, Tensor]:
    if len(body) > MAX_BYTES:
        raise WireError(f"The body has more than {MAX_BYTES:,} bytes.")
    try:
        found = load(body)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WireError("The body is not in the format safetensors.") from error
    if set(found) != set(names):
        raise WireError(f"The body must hold {', '.join(names)} and nothing else.")
    for name, part in found.items():
        dtype, dimensions = _FORMS[name]
        if part.dtype != dtype or part.dim() != dimensions:
            raise WireError(f"{name} must have {dimensions} dimensions of {dtype}.")
    return found

"""What passes between the pages and a denoiser elsewhere: one evaluation of a network over HTTP.

    POST /networks/SHA256/evaluate      SHA256 of the weights file: only the very same network may answer
    request:  safetensors with x (B, C, S, S) float32, t (B,) float32, tokens (B, L) int64
              and, where attention is asked for, attention (1,) int64: 0 self-attention, 1 cross-attention
    answer:   safetensors with v (B, C, S, S) float32, and with attention (blocks, B, heads, N, M) float32 where it was
              asked for; or a sentence as plain text, with a status from 400 on

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

ATTENTION = ("self", "cross")  # by their numbers on the wire
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
_ASKED, _WEIGHTS = (
    (torch.int64, 1),
    (torch.float32, 5),
)  # the forms of attention in a request and in an answer


class WireError(ValueError):
    """Bytes that are no request or no answer; the message is a sentence that may be sent back."""


@dataclass(frozen=True, eq=False)
class Request:
    """One evaluation: x (B, C, S, S), t (B,), tokens (B, L); with the weights of one kind of ATTENTION, or None."""

    x: Tensor
    t: Tensor
    tokens: Tensor
    attention: str | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """v (B, C, S, S), and attention (blocks, B, heads, N, M) where it was asked for."""

    v: Tensor
    attention: Tensor | None = None


def path(network: str) -> str:
    """Where the network of this SHA-256 is evaluated."""
    return f"/networks/{network}/evaluate"


def pack_request(request: Request) -> bytes:
    """The body of a request."""
    parts = {"x": request.x, "t": request.t, "tokens": request.tokens}
    if request.attention is not None:
        parts["attention"] = torch.tensor([ATTENTION.index(request.attention)])
    return save({name: part.detach().contiguous() for name, part in parts.items()})


def unpack_request(body: bytes) -> Request:
    """The request in a body. Raises WireError for anything else."""
    found = _tensors(body, "x", "t", "tokens", attention=_ASKED)
    x, t, tokens = found["x"], found["t"], found["tokens"]
    if not 1 <= len(x) <= MAX_BATCH or not len(x) == len(t) == len(tokens):
        raise WireError(f"A request holds 1 to {MAX_BATCH} images, each with its noise level and tokens.")
    if x.shape[-1] != x.shape[-2] or not all(map(len, (x[0], tokens[0]))):
        raise WireError("Images are square, and have channels and tokens.")
    if not (torch.isfinite(x).all() and torch.isfinite(t).all()):
        raise WireError("Images and noise levels are finite numbers.")
    kind = None
    if "attention" in found:
        number = found["attention"].tolist()
        if number not in ([0], [1]):
            raise WireError("attention is the number 0 (self) or 1 (cross).")
        kind = ATTENTION[number[0]]
    return Request(x, t, tokens, kind)


def pack_answer(answer: Answer) -> bytes:
    """The body of an answer. Raises WireError where it has more than MAX_BYTES, as attention may."""
    parts = {"v": answer.v, "attention": answer.attention}
    body = save({name: part.contiguous() for name, part in parts.items() if part is not None})
    if len(body) > MAX_BYTES:
        raise WireError(f"The answer has more than {MAX_BYTES:,} bytes: ask for fewer images.")
    return body


def unpack_answer(body: bytes, request: Request) -> Answer:
    """The answer to a request in a body. Raises WireError for anything else."""
    asked = request.attention is not None
    found = _tensors(body, "v", attention=_WEIGHTS)
    v, weights = found["v"], found.get("attention")
    if v.shape != request.x.shape or not torch.isfinite(v).all():
        raise WireError(f"The answer is not v of shape {tuple(request.x.shape)} in finite numbers.")
    if asked != (weights is not None):
        raise WireError("The answer has attention exactly where it was asked for.")
    if weights is not None:
        whole = weights.shape[1] == len(v) and weights.numel() > 0 and bool((weights >= 0).all())
        if not whole or not torch.allclose(weights.sum(-1), torch.tensor(1.0), atol=1e-3):
            raise WireError("Attention weights are not negative, and those of a position add up to 1.")
    return Answer(v, weights)


def _tensors(body: bytes, *names: str, attention: tuple[torch.dtype, int]) -> dict[str, Tensor]:
    if len(body) > MAX_BYTES:
        raise WireError(f"The body has more than {MAX_BYTES:,} bytes.")
    try:
        found = load(body)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise WireError("The body is not in the format safetensors.") from error
    if set(found) - {"attention"} != set(names):
        raise WireError(f"The body must hold {', '.join(names)}, may hold attention, and nothing else.")
    for name, part in found.items():
        dtype, dimensions = attention if name == "attention" else _FORMS[name]
        if part.dtype != dtype or part.dim() != dimensions:
            raise WireError(f"{name} must have {dimensions} dimensions of {dtype}.")
    return found

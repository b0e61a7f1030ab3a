"""A denoiser elsewhere: DIFFVIZ_DENOISER_URL names a server that evaluates the networks for the pages.

Without it the networks are evaluated here, embedded in the pages' own process, and so they are where the server cannot
serve: it is asked for plain evaluations of the shipped networks (as `engine.is_plain` tells them) and for their attention
weights, while probes, switches and gradients stay here. When it is away, or answers anything but what was asked for, the
evaluation is made here at once and the run goes on; the pages say so (`Remote.away`), and it is asked again after
RETRY_SECONDS. How the bytes look is laid down in `wire`.
"""

from __future__ import annotations

import http.client
import logging
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the address is read when the server starts, before torch is loaded
    from torch import Tensor

    from diffviz.models.denoiser import Evaluate
    from diffviz.models.unet import UNet
    from diffviz.serving import wire

VARIABLE = "DIFFVIZ_DENOISER_URL"
TIMEOUT = 10.0  # seconds, to connect and for each read
RETRY_SECONDS = 30.0
ATTENTION_BATCH = (
    8  # images whose attention is asked for at once: of 256 positions 25 MB in three blocks of four heads
)
AWAY = (
    "The server that evaluates the networks does not answer. They are evaluated here in its place, which gives the same "
    "images; it may take longer."
)

log = logging.getLogger(__name__)


def from_environment(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address of the server, or None. Raises ValueError, in a sentence, for what is none."""
    text = environment.get(VARIABLE, "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urllib.parse.urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:  # a port that is none
        known = False
    else:
        known = known and not (parts.username or parts.password or parts.query or parts.fragment)
    if not known:
        raise ValueError(f"{VARIABLE} must be an address such as http://127.0.0.1:8600, not {text!r}")
    return text


class Remote:
    """Evaluates networks at `url`, and by `embedded` what it does not serve or while it is away."""

    def __init__(
        self,
        url: str,
        embedded: Evaluate,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._folder = parts.hostname or "", parts.port, parts.path
        self._embedded, self._clock, self._timeout = embedded, clock, timeout
        self._again = 0.0  # when it may be asked again
        self._idle: list[http.client.HTTPConnection] = []  # connections that may be used again
        self._lock = threading.Lock()

    @property
    def away(self) -> bool:
        """Whether it is not asked at present, because it failed a short while ago."""
        return self._clock() < self._again

    def evaluate(self, net: UNet, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        """v_hat (B, C, S, S), as `net(x, angle, tokens)` gives it within rounding."""
        from diffviz.serving import wire

        answer = None
        if len(x) <= wire.MAX_BATCH:
            answer = self._ask(net, wire.Request(x, angle.float(), tokens))
        return self._embedded(net, x, angle, tokens) if answer is None else answer.v

    def attend(self, net: UNet, x: Tensor, angle: Tensor, tokens: Tensor, kind: str) -> tuple[Tensor, Tensor]:
        """v_hat and attention weights (blocks, B, heads, N, M), see `denoiser.attend_by_torch`."""
        import torch

        from diffviz.models import denoiser
        from diffviz.serving import wire

        answers: list[wire.Answer] = []
        for piece in zip(*(part.split(ATTENTION_BATCH) for part in (x, angle.float(), tokens)), strict=True):
            answer = self._ask(net, wire.Request(*piece, attention=kind))
            if answer is None:
                return denoiser.attend_by_torch(net, x, angle, tokens, kind)
            answers.append(answer)
        weights = [a.attention for a in answers if a.attention is not None]
        return torch.cat([a.v for a in answers]), torch.cat(weights, 1)

    def _ask(self, net: UNet, request: wire.Request) -> wire.Answer | None:
        """The server's answer; None where it is away or not to be asked for this."""
        from diffviz.models import checkpoints
        from diffviz.serving import engine, wire

        network = checkpoints.digest_of(net)
        if network is None or self.away or not engine.is_plain(net, request.x):
            return None
        try:
            body = self._post(self._folder + wire.path(network), wire.pack_request(request), wire.MAX_BYTES)
            return wire.unpack_answer(body, request)
        except (OSError, http.client.HTTPException, wire.WireError) as error:
            log.warning("The denoiser at %s is away: %s", self._host, error)
            self._again = self._clock() + RETRY_SECONDS
            self.close()
            return None

    def close(self) -> None:
        """End the connections that are not in use."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _post(self, path: str, body: bytes, limit: int) -> bytes:
        """The body of the answer. Raises OSError or HTTPException where there is none."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            reused = connection is not None
            connection = connection or self._kind(self._host, self._port, timeout=self._timeout)
            try:
                connection.request("POST", path, body)
                answer = connection.getresponse()
                data = answer.read(limit + 1)
            except (http.client.RemoteDisconnected, ConnectionError):
                connection.close()
                if reused:  # the server closes what was idle for long: ask once more
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            if answer.status != 200 or len(data) > limit:
                connection.close()
                raise http.client.HTTPException(f"{answer.status}, {len(data)} bytes: {data[:200]!r}")
            with self._lock:
                self._idle.append(connection)
            return data

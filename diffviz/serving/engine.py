"""Which arithmetic evaluates the network: torch, the reference, or OpenVINO where that is asked for.

DIFFVIZ_ENGINE chooses for the server; OpenVINO is installed by `pip install .[engine]`:

- torch (default): the reference;
- openvino: float32, the same image to rounding;
- openvino-bf16: bfloat16, for processors that have it. Images differ a little, and between kinds of processors too.

Measured with ONNX Runtime beside them (`python -m bench.engine`, November 2026: emoji64, one thread of an Intel Xeon with
AMX with nothing else to do, load average 2.4 and falling; time of an evaluation as a share of torch's, medians of calls in
turns, 15 at batch 1, 9 at batch 2, a guided step, and 9 at batch 8):

=======  ============  ========  =============
batch    onnxruntime   openvino  openvino-bf16
=======  ============  ========  =============
1        0.69          0.93      0.42
2        0.79          1.04      0.38
8        0.98          1.21      0.54
=======  ============  ========  =============

torch reaches 72 % of the machine's own rate of a convolution at batch 8. A run of 30 guided steps takes 1.21 s by torch,
1.26 by OpenVINO and 0.45 in bfloat16, medians of 3; diffusers' pipeline round the same network takes 1.19. Beside other
work, at a load average of 16 to 23, the shares of batch 2 were 0.84, 0.90 and 0.36.

ONNX Runtime was compiled for each batch, OpenVINO for any, as the pages need it; ONNX Runtime was tried in float32 alone.
In float32 neither comes to half of torch's time for a guided step, OpenVINO in bfloat16 does: that is why it is offered.

A visitor may choose another engine for their own runs, where OpenVINO is installed (`offered`, `use_here`).

Neither is chosen by itself: what float32 saved in the running server could not be told from noise, and a network costs
seconds more at first and some 240 MB; bfloat16 would change the image of a seed.

`assets/curves/engine.json` holds how far the images of each are from torch's (`python -m diffviz.training.eval_engine`),
and `python -m bench.engine` prints how fast each is. The library and the commands use torch unless `use` was called.

An engine evaluates plain calls only. What has hooks (attention, probes, switches in the network), needs a
gradient, or runs on another device or in another precision is evaluated by torch.

A network is converted when it is first evaluated. Nothing is kept on disk: a stored compiled model would be machine code
that is loaded again, tied to one version and processor, and would save the lesser part of the time.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from diffviz.paths import ASSETS
from diffviz.serving.remote import Remote
from diffviz.serving.scheduler import Limits

if TYPE_CHECKING:  # the choice is made when the server starts, before torch is loaded
    from torch import Tensor

    from diffviz.models.unet import UNet

VARIABLE = "DIFFVIZ_ENGINE"
TORCH = "torch"
PRECISIONS = {"openvino": "f32", "openvino-bf16": "bf16"}  # OpenVINO's names
CHOICES = (TORCH, *PRECISIONS)
MAX_NETWORKS = (
    4  # that are kept compiled, as many as `checkpoints.load` keeps; a further one is evaluated by torch
)

log = logging.getLogger(__name__)


def installed() -> bool:
    """Whether OpenVINO can be imported; it is not imported for the answer."""
    return find_spec("openvino") is not None


def from_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The engine that DIFFVIZ_ENGINE names, by default torch. Raises ValueError, in a sentence, for what cannot be had."""
    name = environment.get(VARIABLE, "").strip() or TORCH
    if name not in CHOICES:
        raise ValueError(f"{VARIABLE} must be one of {', '.join(CHOICES)}, not {name!r}")
    if name != TORCH and not installed():
        raise ValueError(f"{VARIABLE} is {name}, but OpenVINO is not installed: pip install .[engine]")
    return name


_chosen, _url = TORCH, None
_remote: Remote | None = None
_begun = threading.Lock()  # taken once, by whoever applies the choice


def choose(name: str, url: str | None = None) -> None:
    """The engine that `activate` will use: the server chooses before torch is loaded.

    With the `url` of a denoiser elsewhere (`remote`) the engine evaluates what that does not.
    """
    global _chosen, _url
    _chosen, _url = name, url


def activate() -> None:
    """Use the engine that was chosen; imports torch. Further calls do nothing."""
    if not _begun.acquire(blocking=False):
        return
    if _chosen != TORCH:
        use(_chosen)
    if _url is not None:
        use_remote(_url)


def use_remote(url: str) -> Remote:
    """From now on the denoiser at this address evaluates what it can, what is used until now the rest."""
    global _remote
    from diffviz.models import denoiser

    _remote = Remote(url, denoiser.evaluated_by())
    denoiser.evaluate_by(_remote.evaluate, _remote.attend)
    return _remote


def remote_away() -> bool:
    """Whether a denoiser elsewhere is used that does not answer at present."""
    return _remote is not None and _remote.away


def use(name: str, permits: int | None = None) -> None:
    """From now on every denoiser of this process is evaluated by the engine of this name.

    `permits` evaluations can run at the same time, each on one thread; by default as many as the scheduler grants.
    """
    from diffviz.models import denoiser

    if name == TORCH:
        denoiser.evaluate_by(None)
    else:
        denoiser.evaluate_by(
            OpenVino(PRECISIONS[name], permits or Limits.from_environment().permits).evaluate
        )


# --- a visitor's own choice ---------------------------------------------------------------------------------

_here: ContextVar[str | None] = ContextVar("engine of this run", default=None)
_of_visitors: dict[str, OpenVino] = {}
_making = threading.Lock()
VISITORS_NETWORKS = (
    2  # of each engine that visitors chose, kept compiled: they cost memory that nobody asked the owner for
)


def chosen() -> str:
    """The engine of this server."""
    return _chosen


def offered() -> tuple[str, ...]:
    """The engines that a visitor may choose from: none where there is one only, or where another server evaluates."""
    return CHOICES if installed() and _url is None else ()


def use_here(name: str | None) -> None:
    """From now on this thread evaluates by the engine of this name, one of `offered`; None: by the server's."""
    from diffviz.models import denoiser

    name = None if name == _chosen else name
    _here.set(name)
    if name is None:
        denoiser.evaluate_here_by(None)
    elif name == TORCH:
        denoiser.evaluate_here_by(denoiser.by_torch)
    else:
        with _making:
            if name not in _of_visitors:
                permits = Limits.from_environment().permits
                _of_visitors[name] = OpenVino(PRECISIONS[name], permits, networks=VISITORS_NETWORKS)
        denoiser.evaluate_here_by(_of_visitors[name].evaluate)


def here() -> str | None:
    """The engine that this thread evaluates by where it is another than the server's: what is kept must not be mixed."""
    return _here.get()


@functools.cache
def difference(name: str) -> str | None:
    """A sentence on how far the images of an engine were measured to be from torch's; None of torch."""
    if name == TORCH:
        return None
    found = json.loads((ASSETS / "curves" / "engine.json").read_text())
    of = found["engines"][name]
    seen = "no visible difference" if of["max"] < 1 / 255 else "images differ a little"
    return (
        f"Compared with torch, {seen}: an RMSE of {of['mean']:.2g} on average and {of['max']:.2g} at most, where black and "
        f"white are 2 apart (N = {found['n']} prompts, {found['model']}, {found['steps']} steps)."
    )


def is_plain(net: UNet, x: Tensor) -> bool:
    """Whether an evaluation needs nothing but its result, in float32 on the CPU."""
    import torch

    from diffviz.models.unet import UNet

    return (
        type(net) is UNet
        and not net.training
        and not x.requires_grad
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    )


class OpenVino:
    """Networks converted to OpenVINO, at one precision ("f32" or "bf16").

    `permits` evaluations can run at the same time, each on so many `threads`. Of more than so many `networks` torch
    evaluates the further ones.
    """

    def __init__(
        self, precision: str, permits: int = 1, threads: int = 1, networks: int = MAX_NETWORKS
    ) -> None:
        self._most = networks
        self.options = {
            "INFERENCE_PRECISION_HINT": precision,  # by itself OpenVINO takes bfloat16 where it can
            "INFERENCE_NUM_THREADS": permits * threads,
            "NUM_STREAMS": permits,
        }
        self._networks: weakref.WeakKeyDictionary[UNet, _Compiled | None] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def evaluate(self, net: UNet, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        """v_hat (B, C, S, S), as `net(x, angle, tokens)` gives it."""
        compiled = self._compiled(net) if is_plain(net, x) else None
        return net(x, angle, tokens) if compiled is None else compiled(x, angle, tokens)

    def _compiled(self, net: UNet) -> _Compiled | None:
        """The network compiled, by whoever needs it first; None where that is impossible."""
        with self._lock:
            if net not in self._networks:
                if len(self._networks) >= self._most:
                    return None
                try:
                    self._networks[net] = _Compiled(net, self.options)
                except Exception:  # a converter of another version may fail in any way: torch can do it
                    log.exception("OpenVINO could not take a network over: torch evaluates it")
                    self._networks[net] = None
            return self._networks[net]


class _Compiled:
    """One network in OpenVINO, for any batch."""

    def __init__(self, net: UNet, options: dict[str, Any]) -> None:
        import openvino as ov
        import torch

        from diffviz.models.text_encoder import MAX_TOKENS
        from diffviz.models.unet import same_weights

        self._tensor: Any = ov.Tensor
        channels, size = net.config.in_channels, net.config.size
        example = (
            torch.zeros(2, channels, size, size),
            torch.zeros(2),
            torch.ones(2, MAX_TOKENS, dtype=torch.int64),
        )
        # The batch stays open: with a fixed one OpenVINO 2026.4 crashes on a traced network of ours.
        shapes = [ov.PartialShape([-1, *part.shape[1:]]) for part in example]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates the tracing that the converter uses
            # Of a copy: the converter changes modules while it traces, and others are using the shared one.
            model = ov.convert_model(same_weights(net), example_input=example, input=shapes)
        self._model: Any = ov.Core().compile_model(model, "CPU", options)
        self._free: list[Any] = []  # requests that nobody is using; one holds the buffers of one evaluation
        self._lock = threading.Lock()

    def __call__(self, x: Tensor, angle: Tensor, tokens: Tensor) -> Tensor:
        import torch

        with self._lock:
            request = self._free.pop() if self._free else self._model.create_infer_request()
        given = [self._tensor(part.contiguous().numpy(), shared_memory=True) for part in (x, angle, tokens)]
        (output,) = request.infer(given).values()  # a copy: the request's own buffer is used again
        with self._lock:
            self._free.append(request)
        return torch.from_numpy(output)

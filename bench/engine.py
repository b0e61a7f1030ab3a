"""How fast each engine evaluates the network on this machine, and how that compares with torch and a convolution.

    python -m bench.engine                        # every shipped network, those engines that are installed
    python -m bench.engine --model emoji64 --threads 1 2

Calls of all engines take turns, as the machine's speed changes by the minute; read the ratios, of medians. A guided
step evaluates a batch of two. "of conv." is the share of the multiply-add rate of one large 3 × 3
convolution of torch in float32, measured in the same turns; above 100 % is possible in bfloat16.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from bench.inference import multiply_adds
from diffviz.diffusion.samplers import make_generators, randn_per_seed
from diffviz.models import checkpoints
from diffviz.models.denoiser import by_torch
from diffviz.models.unet import in_memory_format
from diffviz.serving import engine

BATCHES = (1, 2, 8)
CONVOLUTION = 8 * 256 * 256 * 9 * 32 * 32  # multiply-adds of `convolution`


def convolution() -> Callable[[], object]:
    """A 3 × 3 convolution of 256 channels on 32 × 32, batch 8."""
    conv = in_memory_format(nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False), torch.channels_last)
    x = torch.randn(8, 256, 32, 32).to(memory_format=torch.channels_last)
    return lambda: conv(x)


def onnx_runtime(net: nn.Module, example: tuple[torch.Tensor, ...], threads: int) -> Callable[..., object]:
    """The network in ONNX Runtime, for the example's batch. Raises ImportError without onnxruntime and onnxscript."""
    import onnxruntime
    import onnxscript  # noqa: F401, what torch exports by

    exported = torch.onnx.export(net, example, dynamo=True, opset_version=18, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        exported.model_proto.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    names = [part.name for part in session.get_inputs()]
    return lambda *given: session.run(None, dict(zip(names, (g.numpy() for g in given), strict=True)))


def medians(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each call; all take turns, the first round is left out."""
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if i:
                seen[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in seen.items()}


def measure(model: str, batch: int, threads: int, rounds: int) -> dict[str, float]:
    """Median seconds of an evaluation of this batch by each engine, and of the convolution."""
    torch.set_num_threads(threads)
    denoiser = checkpoints.load(model)
    x = randn_per_seed(make_generators(range(batch)), denoiser.shape).contiguous()
    tokens = denoiser.tokens((["cat face", ""] * batch)[:batch], (["noto", None] * batch)[:batch])
    given = (x, torch.full((batch,), 0.8), tokens)
    calls: dict[str, Callable[[], object]] = {
        "torch": lambda: by_torch(denoiser.net, *given),
        "convolution": convolution(),
    }
    try:
        by_onnx = onnx_runtime(denoiser.net, given, threads)
        calls["onnxruntime"] = lambda: by_onnx(*given)
    except ImportError:
        pass
    if engine.installed():
        for name, precision in engine.PRECISIONS.items():
            by = engine.OpenVino(precision, 1, threads)
            calls[name] = lambda by=by: by.evaluate(denoiser.net, *given)
    with torch.inference_mode():
        return medians(calls, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=list(checkpoints.manifest()))
    parser.add_argument("--batch", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    print("network   threads  batch  engine          ms a call  by torch's  of conv.")
    for threads in args.threads:
        for model in args.model:
            work = multiply_adds(checkpoints.load(model))
            for batch in args.batch:
                found = measure(model, batch, threads, args.rounds)
                rate = CONVOLUTION / found.pop("convolution")
                for name, seconds in found.items():
                    print(
                        f"{model:9} {threads:7}  {batch:5}  {name:14} {seconds * 1000:10.1f}  "
                        f"{seconds / found['torch']:10.2f}  {work * batch / seconds / rate:8.0%}"
                    )


if __name__ == "__main__":
    main()

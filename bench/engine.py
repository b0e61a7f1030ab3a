"""How fast each engine evaluates the network on this machine, and how that compares with torch and a convolution.

    python -m bench.engine                        # every shipped network, those engines that are installed
    python -m bench.engine --model emoji64 --threads 1 2
    python -m bench.engine --runs 0               # without the whole runs

Calls of all engines take turns, as the machine's speed changes by the minute; read the ratios, of medians. "processor" is
the time that all threads of this process computed: it hardly depends on what else the machine does, and the ratio is of it.
A guided step evaluates a batch of two. "of conv." is the share of the multiply-add rate of one large 3 × 3
convolution of torch in float32, of processor time and in the same turns; above 100 % is possible in bfloat16.

Then, in turns as well, whole runs of 30 guided steps by each engine, and by diffusers' pipeline: its own base class and
DDIM scheduler round the very same network, on our noise schedule, with guidance as in its text-to-image pipelines. How far
its image is from ours is printed too; it guides v and clips nothing, we guide x0 and clip it.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bench.inference import multiply_adds
from diffviz.diffusion.samplers import final_step, make_generators, randn_per_seed
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints, denoiser
from diffviz.models.denoiser import Evaluate, by_torch
from diffviz.models.unet import UNet, in_memory_format
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.serving import engine

BATCHES = (1, 2, 8)
STEPS, AIM = 30, 0.8  # of a whole run, and the seconds that it should take at most
CONVOLUTION = 8 * 256 * 256 * 9 * 32 * 32  # multiply-adds of `convolution`


def convolution() -> Callable[[], object]:
    """A 3 × 3 convolution of 256 channels on 32 × 32, batch 8."""
    conv = in_memory_format(nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False), torch.channels_last)
    x = torch.randn(8, 256, 32, 32).to(memory_format=torch.channels_last)
    return lambda: conv(x)


def onnx_runtime(
    net: nn.Module, example: tuple[torch.Tensor, ...], threads: int
) -> Callable[..., Sequence[Any]]:
    """The network in ONNX Runtime, for the example's batch. Raises ImportError without onnxruntime and onnxscript."""
    import onnxruntime  # pyright: ignore[reportMissingImports]
    import onnxscript  # noqa: F401, what torch exports by  # pyright: ignore[reportMissingImports]

    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it misses packages that the network does not need
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter uses what torch deprecates
        exported = torch.onnx.export(net, example, dynamo=True, opset_version=18, verbose=False)
    assert exported is not None  # with dynamo=True
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        exported.model_proto.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    names = [part.name for part in session.get_inputs()]
    return lambda *given: session.run(None, dict(zip(names, (g.numpy() for g in given), strict=True)))


@dataclass(frozen=True)
class Taken:
    """Median seconds of a call: that passed, and that all threads of this process computed."""

    wall: float
    processor: float


def medians(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, Taken]:
    """What each call takes; all take turns, the first round is left out."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for i in range(rounds + 1):
        for name, call in calls.items():
            began, computed = time.perf_counter(), time.process_time()
            call()
            if i:
                seen[name].append((time.perf_counter() - began, time.process_time() - computed))
    return {name: Taken(*map(statistics.median, zip(*times, strict=True))) for name, times in seen.items()}


def measure(model: str, batch: int, threads: int, rounds: int) -> dict[str, Taken]:
    """What an evaluation of this batch takes by each engine, and the convolution."""
    torch.set_num_threads(threads)
    loaded = checkpoints.load(model)
    x = randn_per_seed(make_generators(range(batch)), loaded.shape).contiguous()
    tokens = loaded.tokens((["cat face", ""] * batch)[:batch], (["noto", None] * batch)[:batch])
    given = (x, torch.full((batch,), 0.8), tokens)
    calls: dict[str, Callable[[], object]] = {
        "torch": lambda: by_torch(loaded.net, *given),
        "convolution": convolution(),
    }
    try:
        by_onnx = onnx_runtime(loaded.net, given, threads)
        calls["onnxruntime"] = lambda: by_onnx(*given)
    except ImportError:
        pass
    if engine.installed():
        for name, precision in engine.PRECISIONS.items():
            by = engine.OpenVino(precision, 1, threads)
            calls[name] = lambda by=by: by.evaluate(loaded.net, *given)
    with torch.inference_mode():
        return medians(calls, rounds)


def diffusers_pipeline(settings: Settings) -> Callable[[], torch.Tensor]:
    """The same network in diffusers' own pipeline and DDIM scheduler: the image (1, 3, S, S) of these settings."""
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler, DDIMSchedulerOutput

    alpha_bar = SCHEDULES[settings.schedule].alpha(torch.arange(1, 1001, dtype=torch.float64) / 1000) ** 2
    before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    ddim = DDIMScheduler(
        num_train_timesteps=1000, trained_betas=(1 - alpha_bar / before).clamp(max=0.9999).tolist(), clip_sample=False,
        prediction_type="v_prediction", timestep_spacing="trailing",
    )  # fmt: skip
    loaded = checkpoints.load(settings.model)

    class Pipeline(DiffusionPipeline):
        def __init__(self, unet: UNet, scheduler: DDIMScheduler) -> None:
            super().__init__()
            self.unet, self.scheduler = unet, scheduler

        @torch.inference_mode()
        def __call__(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
            ddim.set_timesteps(settings.steps)
            for t in ddim.timesteps:
                angle = torch.acos(ddim.alphas_cumprod[int(t)].sqrt()).float()
                cond, uncond = by_torch(self.unet, torch.cat([x, x]), angle.expand(2), tokens).chunk(2)
                # Their scheduler's v has the sign of alpha * eps - sigma * x0, as ours has.
                step = ddim.step(uncond + settings.guidance * (cond - uncond), int(t), x)
                assert isinstance(step, DDIMSchedulerOutput)
                x = step.prev_sample
            return x

    pipeline = Pipeline(loaded.net, ddim)
    tokens = loaded.tokens([settings.prompt, ""], [settings.style or None, None])
    return lambda: pipeline(randn_per_seed(make_generators([settings.seed]), loaded.shape), tokens)


def whole_runs(model: str, threads: int, rounds: int) -> None:
    """Print what a whole run takes by each engine and by diffusers' pipeline."""
    torch.set_num_threads(threads)
    settings = Settings("cat face", "noto", steps=STEPS, model=model)

    def ours(evaluate: Evaluate | None) -> torch.Tensor:
        denoiser.evaluate_by(evaluate)
        try:
            return final_step(sample_steps(settings)).x
        finally:
            denoiser.evaluate_by(None)

    calls: dict[str, Callable[[], object]] = {"torch": lambda: ours(None)}
    if engine.installed():
        for name, precision in engine.PRECISIONS.items():
            by = engine.OpenVino(precision, 1, threads)
            calls[name] = lambda by=by: ours(by.evaluate)
    theirs = diffusers_pipeline(settings)
    calls["diffusers"] = theirs
    found = medians(calls, rounds)
    print(
        f"\n{model}, {threads} threads: a run of {STEPS} guided steps, median of {rounds} in turns (aim {AIM} s)"
    )
    for name, took in found.items():
        print(
            f"  {name:14} {took.wall:6.2f} s, {took.processor:5.2f} s of the processor, "
            f"{took.processor / found['torch'].processor:5.2f} of torch's"
        )
    rmse = (theirs().clamp(-1, 1) - ours(None).clamp(-1, 1)).square().mean().sqrt()
    print(f"  diffusers' image is {float(rmse):.3f} (RMSE) from ours")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=list(checkpoints.manifest()))
    parser.add_argument("--batch", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=5, help="whole runs of each engine")
    args = parser.parse_args()
    print("network   threads  batch  engine          ms a call  processor ms  by torch's  of conv.")
    for threads in args.threads:
        for model in args.model:
            work = multiply_adds(checkpoints.load(model))
            for batch in args.batch:
                found = measure(model, batch, threads, args.rounds)
                rate = CONVOLUTION / found.pop("convolution").processor
                for name, took in found.items():
                    print(
                        f"{model:9} {threads:7}  {batch:5}  {name:14} {took.wall * 1000:10.1f}  "
                        f"{took.processor * 1000:12.1f}  {took.processor / found['torch'].processor:10.2f}  "
                        f"{work * batch / took.processor / rate:8.0%}",
                        flush=True,
                    )
    for threads in args.threads:
        for model in args.model if args.runs else ():
            whole_runs(model, threads, args.runs)


if __name__ == "__main__":
    main()

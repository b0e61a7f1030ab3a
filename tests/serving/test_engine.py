"""Which arithmetic evaluates the network, and what it must leave to torch."""

import json
import threading

import pytest
import torch
from helpers import make_tiny

from diffviz.diffusion.samplers import final_step
from diffviz.diffusion.schedules import SCHEDULES
from diffviz.models import checkpoints, denoiser
from diffviz.models.unet import same_weights
from diffviz.paths import ASSETS
from diffviz.pipelines.text_to_image import Settings, sample_steps
from diffviz.serving import engine

FLOAT32 = 2e-5  # how far float32 by another order of summation may be from torch's v
BFLOAT16 = 0.1


@pytest.fixture(autouse=True)
def torch_again():
    yield
    denoiser.evaluate_by(None)


def given(batch: int, seed: int = 0):
    rng = torch.Generator().manual_seed(seed)
    tokens = [make_tiny().vocabulary.encode("red cat" if i % 2 else "", "noto") for i in range(batch)]
    return torch.randn(batch, 3, 16, 16, generator=rng), torch.linspace(0.1, 1.4, batch), torch.tensor(tokens)


def installed_engine(*args) -> engine.OpenVino:
    pytest.importorskip("openvino", reason="the extra `engine` is not installed")
    return engine.OpenVino(*args)


def test_the_environment_chooses(monkeypatch):
    for there in (True, False):
        monkeypatch.setattr(engine, "installed", lambda there=there: there)
        assert engine.from_environment({}) == engine.from_environment({"DIFFVIZ_ENGINE": "torch"}) == "torch"
        if there:
            assert engine.from_environment({"DIFFVIZ_ENGINE": "openvino"}) == "openvino"
    with pytest.raises(ValueError, match="pip install"):
        engine.from_environment({"DIFFVIZ_ENGINE": "openvino"})
    with pytest.raises(ValueError, match="must be one of torch, openvino"):
        engine.from_environment({"DIFFVIZ_ENGINE": "cuda"})


def test_every_prediction_goes_through_the_chosen_evaluation(tiny):
    seen = []

    def evaluate(net, x, angle, tokens):
        seen.append(len(x))
        return net(x, angle, tokens)

    x, t = given(3)[0], torch.full((3,), 0.5, dtype=torch.float64)
    predict = tiny.conditioned(["cat"] * 3, [None] * 3, SCHEDULES["cosine"])
    by_torch = predict(x, t)
    denoiser.evaluate_by(evaluate)
    assert torch.equal(predict(x, t), by_torch) and seen == [3]


@pytest.mark.parametrize("what", ["hook", "hook before", "gradient", "training", "precision", "autocast"])
def test_what_is_not_plain_is_left_to_torch(what):
    net, x = same_weights(make_tiny().net), given(2)[0]
    assert engine.is_plain(net, x)
    if what == "hook":
        net.middle[0].register_forward_hook(lambda *_: None)
    elif what == "hook before":
        net.up[0].register_forward_pre_hook(lambda *_: None)
    elif what == "gradient":
        x.requires_grad_()
    elif what == "training":
        net.train()
    elif what == "precision":
        x = x.double()
    if what == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            assert not engine.is_plain(net, x)
    else:
        assert not engine.is_plain(net, x)


@pytest.mark.slow
def test_a_network_that_cannot_be_converted_is_evaluated_by_torch(monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(engine, "_Compiled", fail)
    by, net = engine.OpenVino("f32"), make_tiny().net
    for _ in range(2):
        assert torch.equal(by.evaluate(net, *given(2)), net(*given(2)))
    assert caplog.text.count("torch evaluates it") == 1  # it is not tried again


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("f32", FLOAT32), ("bf16", BFLOAT16)])
def test_any_batch_is_what_torch_makes_of_it(precision, tolerance):
    by, net = installed_engine(precision), make_tiny().net
    for batch in (2, 1, 5, 2):  # larger and smaller ones after another
        ours, torchs = by.evaluate(net, *given(batch)), net(*given(batch))
        assert ours.shape == torchs.shape and ours.dtype == torch.float32
        assert (ours - torchs).abs().max() < tolerance


@pytest.mark.slow
def test_the_same_call_gives_the_same_numbers_and_keeps_them():
    by, net = installed_engine("f32"), make_tiny().net
    first = by.evaluate(net, *given(2))
    kept = first.clone()
    assert not torch.equal(by.evaluate(net, *given(2, seed=1)), kept)
    assert torch.equal(first, kept), "a later call wrote into an earlier result"
    assert torch.equal(by.evaluate(net, *given(2)), kept)


@pytest.mark.slow
def test_several_threads_get_their_own_results():
    by, net = installed_engine("f32", 2), make_tiny().net
    wanted = [by.evaluate(net, *given(2, seed)) for seed in range(4)]
    wrong = []

    def ask(seed: int) -> None:
        for _ in range(20):
            if not torch.allclose(by.evaluate(net, *given(2, seed)), wanted[seed], atol=1e-6):
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.slow
def test_a_hook_on_a_converted_network_is_heard():
    by, net, seen = installed_engine("f32"), make_tiny().net, []
    by.evaluate(net, *given(2))
    hook = net.middle[0].register_forward_hook(lambda *_: seen.append(1))
    by.evaluate(net, *given(2))
    hook.remove()
    assert seen == [1]


@pytest.mark.slow
def test_conversion_leaves_the_shared_network_as_it_was():
    net = make_tiny().net
    before = {name: (type(part), part.__dict__.keys()) for name, part in net.named_modules()}
    torchs = net(*given(2))
    installed_engine("f32").evaluate(net, *given(2))
    assert {name: (type(part), part.__dict__.keys()) for name, part in net.named_modules()} == before
    assert torch.equal(net(*given(2)), torchs)


def test_a_choice_of_one_thread_is_nobody_elses(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(
        engine.OpenVino, "evaluate", lambda self, net, *given: asked.append(self) or net(*given)
    )
    x, t = given(1)[0], torch.full((1,), 0.5, dtype=torch.float64)
    predict = tiny.conditioned(["cat"], [None], SCHEDULES["cosine"])
    seen = {}

    def visitor(name):
        engine.use_here(name)
        predict(x, t)
        seen[name] = engine.here(), len(asked)

    for name in ("openvino", None, "torch", "openvino-bf16"):
        thread = threading.Thread(target=visitor, args=(name,))
        thread.start()
        thread.join()
    predict(x, t)
    assert seen == {
        "openvino": ("openvino", 1), None: (None, 1), "torch": (None, 1), "openvino-bf16": ("openvino-bf16", 2),
    }  # fmt: skip
    assert len(asked) == 2 and engine.here() is None


def test_a_visitors_choice_goes_before_the_servers(tiny, monkeypatch):
    monkeypatch.setattr(engine, "_chosen", "openvino")
    denoiser.evaluate_by(lambda *_: pytest.fail("the server's engine was asked"))
    x, t = given(1)[0], torch.full((1,), 0.5, dtype=torch.float64)
    engine.use_here("torch")
    try:
        assert tiny.conditioned(["cat"], [None], SCHEDULES["cosine"])(x, t).shape == x.shape
        assert engine.here() == "torch"
    finally:
        engine.use_here(None)


def test_there_is_a_choice_only_where_there_are_two(monkeypatch):
    monkeypatch.setattr(engine, "installed", lambda: False)
    assert engine.offered() == ()
    monkeypatch.setattr(engine, "installed", lambda: True)
    assert engine.offered() == engine.CHOICES
    monkeypatch.setattr(engine, "_url", "http://elsewhere:8600")
    assert engine.offered() == ()


def test_what_is_said_of_an_engine_is_what_was_measured():
    assert engine.difference("torch") is None
    found = json.loads((ASSETS / "curves" / "engine.json").read_text())
    for name, of in found["engines"].items():
        said = engine.difference(name) or ""
        assert (
            f"{of['mean']:.2g} on average and {of['max']:.2g} at most" in said and f"N = {found['n']}" in said
        )
        assert ("no visible difference" in said) == (of["max"] < 1 / 255)


def test_the_shipped_figures_are_of_the_shipped_network():
    found = json.loads((ASSETS / "curves" / "engine.json").read_text())
    assert found["weights_sha256"] == checkpoints.manifest()[found["model"]].sha256
    assert found["n"] >= 200 and set(found["engines"]) == set(engine.PRECISIONS)
    assert (
        found["engines"]["openvino"]["max"] < 1 / 255
    )  # under half of an 8-bit step, which is 2/255: not to be seen


@pytest.mark.slow
def test_diffusers_pipeline_of_the_benchmark_draws_our_image():
    """Without guidance both do the same but for clipping, so the figures beside each other are of one thing."""
    from bench.engine import diffusers_pipeline

    settings = Settings("cat face", "noto", steps=6, guidance=1.0, model=checkpoints.QUICK, seed=3)
    theirs, ours = diffusers_pipeline(settings)(), final_step(sample_steps(settings)).x
    assert theirs.shape == ours.shape
    assert (theirs.clamp(-1, 1) - ours).square().mean().sqrt() < 0.05


@pytest.mark.slow  # exporting a network takes long
def test_onnx_runtime_of_the_benchmark_evaluates_our_network():
    for package in ("onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    from bench.engine import onnx_runtime

    net = make_tiny().net
    (found,) = onnx_runtime(net, given(2), 1)(*given(2, seed=1))
    assert (torch.from_numpy(found) - net(*given(2, seed=1))).abs().max() < FLOAT32

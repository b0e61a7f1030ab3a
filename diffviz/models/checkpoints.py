"""Weights on disk: safetensors only, strictly matched, and hashed in a manifest.

`assets/manifest.toml` lists every network that ships, with its file, its SHA-256, its shape and how it was
made. A file that is missing, cut short, changed or of another shape raises CheckpointError, whose message is
one sentence fit to be shown to a learner.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig
from diffviz.paths import ASSETS

MANIFEST = "manifest.toml"
QUICK, SHARP = "emoji32", "emoji64"
DEFAULT = SHARP


# Parts of the network that had another name when the shipped weights were written. The files stay as they are: stored
# results name their SHA-256.
RENAMED_PARTS = {
    "stem": "conv_in",
    "head": "conv_out",
    "shrink": "downsample",
    "grow": "upsample",
    "level": "noise_embed",
}


class CheckpointError(RuntimeError):
    """Weights that cannot be used; the message says which and what to do, in one sentence."""


@dataclass(frozen=True)
class Entry:
    """One network of the manifest."""

    name: str
    file: str
    sha256: str
    vocabulary: str
    title: str


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path: Path, net: nn.Module, config: dict, facts: dict) -> None:
    """Write weights in half precision with their shape and history; the file is replaced at once."""
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in net.state_dict().items()}
    data = save(tensors, {"config": json.dumps(config), "facts": json.dumps(facts)})
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def metadata(path: Path) -> tuple[dict, dict]:
    """(config, facts) of a weights file. Raises CheckpointError when it cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            raw = file.metadata() or {}
        return json.loads(raw["config"]), json.loads(raw["facts"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"The weights file {path.name} is damaged or is not one of diffviz: restore it from the repository."
        ) from error


def current_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the present name of each part of the network; a key that has it already stays as it is."""
    parts = {key: key.partition(".") for key in state}
    return {
        f"{RENAMED_PARTS.get(part, part)}{dot}{rest}": state[key] for key, (part, dot, rest) in parts.items()
    }


def read(path: Path) -> UNet:
    """The network of a weights file, in float32 and ready to be asked."""
    if not path.exists():
        raise CheckpointError(f"The weights file {path.name} is missing: restore it from the repository.")
    config, _ = metadata(path)
    try:
        net = UNet(UNetConfig.from_dict(config))
        with safe_open(path, "pt") as file:
            tensors = {k: file.get_tensor(k).float() for k in file.keys()}  # noqa: SIM118 - not a dict
        net.load_state_dict(current_names(tensors), strict=True)
    except (OSError, SafetensorError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"The weights in {path.name} do not fit this version of the network: restore both from the repository."
        ) from error
    # Channels last is a few per cent faster at every batch (bench.inference), with the same numbers to 1e-5.
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def manifest(assets: Path = ASSETS) -> dict[str, Entry]:
    """Every network that ships, by name."""
    path = assets / MANIFEST
    if not path.exists():
        raise CheckpointError(f"The list of weights, {MANIFEST}, is missing: restore it from the repository.")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: Entry(name=name, **entry) for name, entry in raw.items()}
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"The list of weights, {MANIFEST}, is damaged: restore it from the repository."
        ) from error


@functools.lru_cache(maxsize=4)
def load(name: str = DEFAULT, assets: Path = ASSETS) -> Denoiser:
    """A shipped network with its vocabulary, verified against the manifest; loaded once per process.

    Raises CheckpointError for an unknown name and for a file that is missing or not the one listed.
    """
    entries = manifest(assets)
    if name not in entries:
        raise CheckpointError(f"There are no weights named “{name}”: choose one of {', '.join(entries)}.")
    entry = entries[name]
    for file, digest in ((entry.file, entry.sha256), (entry.vocabulary, None)):
        path = assets / file
        if not path.exists():
            raise CheckpointError(f"The file {file} is missing: restore it from the repository.")
        if digest and sha256_of(path) != digest:
            raise CheckpointError(
                f"The file {file} is not the one in the list (its SHA-256 differs): restore it."
            )
    return Denoiser(read(assets / entry.file), Vocabulary.load(assets / entry.vocabulary))


def publish(weights: Path, name: str, assets: Path = ASSETS) -> str:
    """Copy weights into assets/ and enter them in the manifest; returns a line saying what was done."""
    net = read(weights)
    target = assets / f"{name}.safetensors"
    target.write_bytes(weights.read_bytes())
    entries = manifest(assets) if (assets / MANIFEST).exists() else {}
    size = net.config.size
    title = f"{size} × {size}, {'quick' if size <= 32 else 'sharp'}"
    entries[name] = Entry(name, target.name, sha256_of(target), "vocabulary.json", title)
    lines = ["# The networks that ship. Written by `python -m diffviz.training.train_denoiser --publish`."]
    for entry in sorted(entries.values(), key=lambda e: e.name):
        lines += ["", f"[{entry.name}]"]
        lines += [f'{f.name} = "{getattr(entry, f.name)}"' for f in fields(Entry) if f.name != "name"]
    (assets / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{target} ({target.stat().st_size / 1e6:.1f} MB, SHA-256 {entries[name].sha256[:12]}…)"


def parameters(net: nn.Module) -> int:
    """Number of trainable numbers in a network."""
    return sum(p.numel() for p in net.parameters())


__all__ = [
    "DEFAULT", "QUICK", "SHARP", "CheckpointError", "load", "manifest", "metadata", "publish", "read", "write",
]  # fmt: skip

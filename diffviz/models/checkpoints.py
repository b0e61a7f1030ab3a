"""Weights on disk: safetensors only, strictly matched, and hashed in a manifest.

`assets/manifest.toml` lists every network that ships, with its file, its SHA-256, its vocabulary and its title, and
under [files] the other files that results depend on, with their SHA-256: vocabulary and classifier. A file that is
missing, cut short, changed or of another shape raises CheckpointError, whose message is one sentence fit to be shown to
a learner.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tomllib
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from diffviz.bounded import LoadedOnce
from diffviz.models.autoencoder import Autoencoder, AutoencoderConfig
from diffviz.models.denoiser import Denoiser
from diffviz.models.text_encoder import Vocabulary
from diffviz.models.unet import UNet, UNetConfig, in_memory_format
from diffviz.paths import ASSETS

MANIFEST = "manifest.toml"
FILES = "files"  # the manifest's table of what is no network
QUICK, SHARP, LATENT = "emoji32", "emoji64", "emoji128"
DEFAULT = SHARP  # of pages, library and command line: to make another network the default, name it here
AUTOENCODER = "autoencoder128"

Net = TypeVar("Net", bound=nn.Module)


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
    autoencoder: str = ""  # the file of the autoencoder whose latents a latent network works on
    guidance: float = 3.0  # the scale that its pages begin with, and that it is measured at


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old one or the new one whole, also when this is cut off."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, net: nn.Module, config: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write weights in half precision with their shape and history; the file is replaced at once."""
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in net.state_dict().items()}
    replace(path, save(tensors, {"config": json.dumps(config), "facts": json.dumps(facts)}))


class _Uninitialized(TorchFunctionMode):
    """Leaves out what torch.nn.init does. Even without memory, a normal draw takes torch two seconds, the first time:
    it loads the compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def with_weights(make: Callable[[], Net], tensors: Mapping[str, Tensor]) -> Net:
    """A network holding these very tensors, which must be all of its own.

    It is made without memory of its own, so that no first weights are drawn: they would come out of torch's global
    random state, which other threads may have seeded for theirs. Raises RuntimeError where the tensors do not fit.
    """
    with torch.device("meta"), _Uninitialized():
        net = make()
    net.load_state_dict(tensors, strict=True, assign=True)
    return net


def tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file as they are. Raises OSError or SafetensorError."""
    opened: Any = safe_open(path, "pt")
    with opened as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def parts(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file in float32, and its metadata. Raises OSError or SafetensorError."""
    opened: Any = safe_open(path, "pt")
    with opened as file:
        return {name: file.get_tensor(name).float() for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def metadata(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(config, facts) of a weights file. Raises CheckpointError when it cannot be read."""
    try:
        opened: Any = safe_open(path, "pt")
        with opened as file:  # without its tensors
            raw: dict[str, str] = file.metadata() or {}
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


def _read(path: Path, make: Callable[[dict[str, Any]], Net]) -> Net:
    """The network that `make` builds from a weights file's configuration, in float32 and in evaluation mode."""
    if not path.exists():
        raise CheckpointError(f"The weights file {path.name} is missing: restore it from the repository.")
    config, _ = metadata(path)
    try:
        tensors, _ = parts(path)
        net = with_weights(lambda: make(config), current_names(tensors))
    except (
        OSError,
        SafetensorError,
        TypeError,
        LookupError,
        ValueError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        raise CheckpointError(
            f"The weights in {path.name} do not fit this version of the network: restore both from the repository."
        ) from error
    # Channels last is a few per cent faster at every batch (bench.inference), with the same numbers to 1e-5.
    return in_memory_format(net, torch.channels_last).eval().requires_grad_(False)


def read(path: Path) -> UNet:
    """The denoising network of a weights file."""
    return _read(path, lambda config: UNet(UNetConfig.from_dict(config)))


def read_autoencoder(path: Path) -> Autoencoder:
    """The autoencoder of a weights file."""
    return _read(path, lambda config: Autoencoder(AutoencoderConfig.from_dict(config)))


@LoadedOnce
def load_autoencoder(name: str = AUTOENCODER, assets: Path = ASSETS) -> Autoencoder:
    """The shipped autoencoder, verified against the manifest; loaded once per process, when a page first needs it.

    Raises CheckpointError where its file is missing or not the one listed.
    """
    path = assets / f"{name}.safetensors"
    verify(path)
    return read_autoencoder(path)


def _raw_manifest(assets: Path) -> dict[str, dict[str, Any]]:
    path = assets / MANIFEST
    if not path.exists():
        raise CheckpointError(f"The list of weights, {MANIFEST}, is missing: restore it from the repository.")
    changed = path.stat()
    return _parsed_manifest(path, changed.st_mtime_ns, changed.st_size)


@functools.lru_cache(maxsize=4)
def _parsed_manifest(path: Path, mtime: int, size: int) -> dict[str, dict[str, Any]]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"The list of weights, {MANIFEST}, is damaged: restore it from the repository."
        ) from error


def manifest(assets: Path = ASSETS) -> dict[str, Entry]:
    """Every network that ships, by name."""
    try:
        return {
            name: Entry(name=name, **entry) for name, entry in _raw_manifest(assets).items() if name != FILES
        }
    except TypeError as error:
        raise CheckpointError(
            f"The list of weights, {MANIFEST}, is damaged: restore it from the repository."
        ) from error


def _entry(name: str, assets: Path = ASSETS) -> Entry:
    entries = manifest(assets)
    if name not in entries:
        raise CheckpointError(f"There are no weights named “{name}”: choose one of {', '.join(entries)}.")
    return entries[name]


def guidance_scale(model: str, asked: float | None = None) -> float:
    """The guidance scale that is asked for; where none is, the one that the network's pages begin with.

    Raises CheckpointError for an unknown name.
    """
    return _entry(model).guidance if asked is None else asked


def listed(assets: Path = ASSETS) -> dict[str, str]:
    """The SHA-256 of every file that the manifest lists, networks and others."""
    networks = {entry.file: entry.sha256 for entry in manifest(assets).values()}
    return networks | _raw_manifest(assets).get(FILES, {})


def verify(path: Path) -> None:
    """Raise CheckpointError where a file is missing, or is not the one that the manifest beside it lists.

    A file that is not listed, or has no manifest beside it, need only be there.
    """
    if not path.exists():
        raise CheckpointError(f"The file {path.name} is missing: restore it from the repository.")
    digest = listed(path.parent).get(path.name) if (path.parent / MANIFEST).exists() else None
    if digest and sha256_of(path) != digest:
        raise CheckpointError(
            f"The file {path.name} is not the one in the list (its SHA-256 differs): restore it."
        )


def vocabulary(name: str = DEFAULT, assets: Path = ASSETS) -> Vocabulary:
    """The words and styles of a shipped network, without its weights. Raises CheckpointError like `load`."""
    path = assets / _entry(name, assets).vocabulary
    verify(path)
    return Vocabulary.load(path)


@LoadedOnce
def load(name: str = DEFAULT, assets: Path = ASSETS) -> Denoiser:
    """A shipped network with its vocabulary, verified against the manifest; loaded once per process.

    Raises CheckpointError for an unknown name and for a file that is missing or not the one listed.
    """
    entry = _entry(name, assets)
    for file in (entry.file, entry.vocabulary):
        verify(assets / file)
    autoencoder = load_autoencoder(Path(entry.autoencoder).stem, assets) if entry.autoencoder else None
    net = read(assets / entry.file)
    _digests[net] = entry.sha256
    return Denoiser(net, Vocabulary.load(assets / entry.vocabulary), autoencoder)


def read_denoiser(weights: Path, words: Vocabulary, assets: Path = ASSETS) -> Denoiser:
    """The denoiser of any weights file; one in latents works with the shipped autoencoder."""
    net = read(weights)
    return Denoiser(net, words, load_autoencoder(assets=assets) if net.config.in_channels != 3 else None)


_digests: weakref.WeakKeyDictionary[UNet, str] = weakref.WeakKeyDictionary()


def digest_of(net: UNet) -> str | None:
    """The SHA-256 of the weights file that `load` made this very network of; None of any other network."""
    return _digests.get(net)


def publish(weights: Path, name: str, assets: Path = ASSETS) -> str:
    """Copy weights into assets/ and enter them in the manifest; returns a line saying what was done."""
    config, data = read(weights).config, weights.read_bytes()
    target, autoencoder, size = assets / f"{name}.safetensors", "", config.size
    title = f"{size} × {size}, {'quick' if size <= 32 else 'sharp'}"
    if config.in_channels != 3:
        autoencoder, side = f"{AUTOENCODER}.safetensors", load_autoencoder(AUTOENCODER, assets).config.size
        title = f"{side} × {side}, in latents"
    digest = hashlib.sha256(data).hexdigest()
    replace(target, data)
    former = manifest(assets).get(name) if (assets / MANIFEST).exists() else None
    guidance = former.guidance if former else Entry.guidance
    entry = Entry(name, target.name, digest, "vocabulary.json", title, autoencoder, guidance)
    _write_manifest(assets, networks={name: entry})
    return f"{target} ({len(data) / 1e6:.1f} MB, SHA-256 {digest[:12]}…)"


def enter(path: Path) -> None:
    """Enter a file that is no network in the manifest beside it, with its SHA-256."""
    _write_manifest(path.parent, files={path.name: sha256_of(path)})


def _write_manifest(
    assets: Path, networks: Mapping[str, Entry] | None = None, files: Mapping[str, str] | None = None
) -> None:
    """Write the manifest anew with these entries in the place of those of the same name."""
    there = (assets / MANIFEST).exists()
    entries = (manifest(assets) if there else {}) | dict(networks or {})
    others = (_raw_manifest(assets).get(FILES, {}) if there else {}) | dict(files or {})
    lines = [
        "# The networks that ship, and the other files that results depend on. Written by the training commands."
    ]
    for _, entry in sorted(entries.items()):
        lines += ["", f"[{entry.name}]"]
        lines += [
            f"{f.name} = {json.dumps(getattr(entry, f.name), ensure_ascii=False)}"  # as TOML writes texts and numbers too
            for f in fields(Entry)
            if f.name != "name" and getattr(entry, f.name) != f.default
        ]
    lines += ["", f"[{FILES}]", *(f'"{name}" = "{digest}"' for name, digest in sorted(others.items()))]
    replace(assets / MANIFEST, ("\n".join(lines) + "\n").encode())


def parameters(net: nn.Module) -> int:
    """Number of trainable numbers in a network."""
    return sum(p.numel() for p in net.parameters())


__all__ = [
    "DEFAULT", "LATENT", "QUICK", "SHARP", "CheckpointError", "enter", "load", "manifest", "metadata", "publish", "read",
    "read_denoiser", "replace", "verify", "vocabulary", "with_weights", "write",
]  # fmt: skip

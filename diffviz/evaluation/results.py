"""Stored results: quality against network evaluations, and the image pairs of the blind test."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from diffviz.paths import CURVES

KID_SCALE = 1000  # KID is small: it is shown in thousandths, as in its paper
MARGIN = 0.1  # of the loss of a single step: a smaller loss than this counts as small
# measure -> (title, is a higher value better)
METRICS = {
    "difference": ("KID minus the reference's", False),
    "kid": ("KID", False),
    "subgroup_top1": ("subgroup agreement", True),
    "distance": ("RMSE to the reference image", False),
}


@dataclass(frozen=True)
class MeasuredResult:
    """The file of a command: results tied to the SHA-256 of the weights they were measured with."""

    raw: dict

    def matches(self, sha256: str) -> bool:
        """Whether it was made with weights of this SHA-256."""
        return self.raw["weights_sha256"] == sha256


def load_result(what: str, name: str, folder: Path = CURVES) -> MeasuredResult | None:
    """The file `what`-`name`.json of one network, or None where that was not measured."""
    path = folder / f"{what}-{name}.json"
    return MeasuredResult(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


@dataclass(frozen=True)
class OutsideJudge(MeasuredResult):
    """The file of `eval_outside`: what a feature network that was not trained on this data says of the images."""

    def share(self, measure: str, captions: str = "all") -> dict:
        """Generated over real for label_top1, label_top5 or subgroup_top1, as {value, interval}; captions all or common."""
        return self.raw[captions]["retrieval"][measure]["share"]


def outside_judge(name: str, folder: Path = CURVES) -> OutsideJudge | None:
    """The file of one network, or None where that was not measured."""
    found = load_result("outside", name, folder)
    return OutsideJudge(found.raw) if found else None


@dataclass(frozen=True)
class QualityCurve(MeasuredResult):
    """The file of `eval_steps`: what it was measured on, and its points, of which one is the reference."""

    @property
    def n(self) -> int:
        """Generated images a point."""
        return self.raw["n"]

    @property
    def floor(self) -> float:
        """KID of real images with the same captions to the real images of the measure."""
        return self.raw["floor"]["value"]

    @property
    def reference(self) -> dict:
        """{sampler, steps} of the trajectory that the differences and the RMSE refer to."""
        return self.raw["reference"]

    @property
    def longest(self) -> int:
        """The largest number of steps that was measured."""
        return max(p["steps"] for p in self.raw["points"])

    def samplers(self) -> list[str]:
        return list(dict.fromkeys(p["sampler"] for p in self.raw["points"]))

    def line(self, sampler: str, measure: str) -> list[dict]:
        """The points of one sampler that have this measure, by NFE: {steps, nfe, value, interval}."""
        points = [p for p in self.raw["points"] if p["sampler"] == sampler and measure in p]
        return [
            {"steps": p["steps"], "nfe": p["nfe"], **p[measure]}
            for p in sorted(points, key=lambda p: p["nfe"])
        ]

    def point(self, sampler: str, steps: int) -> dict | None:
        """Everything measured at one setting."""
        return next((p for p in self.raw["points"] if (p["sampler"], p["steps"]) == (sampler, steps)), None)

    def single_step_loss(self) -> float:
        """KID of a single step minus that of the reference; at one step all samplers are the same."""
        return self.line("ddim", "difference")[0]["value"]

    def first_close(self, sampler: str) -> dict | None:
        """The point of a sampler from which on the loss is shown to be small, or None where it never is.

        From there on every 95 % interval of the paired difference to the reference ends below MARGIN of the loss of a
        single step. This asks for evidence that the loss is small, where "no difference was found" would ask for none:
        with fewer images it comes later, not earlier.
        """
        line, limit = self.line(sampler, "difference"), MARGIN * self.single_step_loss()
        large = [p["interval"][1] >= limit for p in line]
        return next((p for i, p in enumerate(line) if not any(large[i:])), None)


def load_quality_curve(model: str, folder: Path = CURVES) -> QualityCurve | None:
    """The measured curve of a network, or None where none was measured yet."""
    found = load_result("steps", model, folder)
    return QualityCurve(found.raw) if found else None


@dataclass(frozen=True)
class GuidanceSweep(MeasuredResult):
    """The file of `eval_guidance`: agreement with the caption and KID at each guidance scale, the first of them w = 1."""

    @property
    def scales(self) -> list[dict]:
        """{guidance, nfe, kid, label_top5, …} of each scale, rising."""
        return self.raw["scales"]

    def best(self, measure: str, *, lowest: bool = False) -> list[float]:
        """The scales at which a measure has its highest value, or its lowest: several where they tie."""
        values = [row[measure]["value"] for row in self.scales]
        best = min(values) if lowest else max(values)
        return [row["guidance"] for row, value in zip(self.scales, values, strict=True) if value == best]

    def against_unguided(self) -> dict[str, list[float]]:
        """Scales whose KID is lower or higher than that of w = 1 by the paired 95 % interval, and those of unclear sign."""
        found: dict[str, list[float]] = {"lower": [], "higher": [], "unclear": []}
        for row in self.scales:
            if "difference" in row:
                found[change({"interval": (0.0, 0.0)}, row["difference"])].append(row["guidance"])
        return found


@dataclass(frozen=True)
class DistanceHistogram:
    """How far images lie from the nearest training image: what the lesson's chart and the model card's figure both draw.

    `edges` (bins + 1,) are RMS distances; the others are shares of the images in each bin (bins,), and `limit` the
    distance below which an image counts as a copy.
    """

    edges: np.ndarray
    new_captions: np.ndarray
    trained_captions: np.ndarray
    heldout: np.ndarray
    limit: float

    @classmethod
    def of(cls, measured: Mapping) -> DistanceHistogram:
        """From the memorization part of an evaluation."""
        parts = ("new_captions", "trained_captions", "heldout")
        return cls(
            np.array(measured["edges"]),
            *(np.array(measured[part]["shares"]) for part in parts),
            limit=measured["limit"],
        )

    @property
    def filled(self) -> int:
        """The number of bins up to the last one that any of the three has images in."""
        return 1 + int(np.flatnonzero(self.new_captions + self.trained_captions + self.heldout)[-1])


def change(first: Mapping, last: Mapping) -> str:
    """Whether a figure {value, interval} becomes "lower" or "higher": their 95 % intervals lie apart; else "unclear"."""
    if last["interval"][1] < first["interval"][0]:
        return "lower"
    return "higher" if last["interval"][0] > first["interval"][1] else "unclear"


BLIND_TEST = "emoji32"  # the network whose images the blind test shows first


@dataclass(frozen=True)
class BlindTest(MeasuredResult):
    """The images of `build_blind_test`: pair i at each number of steps, from the same noise."""

    sheet: np.ndarray  # (pairs * side, columns * side, 3) uint8

    @property
    def steps(self) -> list[int]:
        """Numbers of steps, rising; the last is the long trajectory that the others are compared with."""
        return self.raw["steps"]

    @property
    def pairs(self) -> list[dict]:
        """{prompt, style, seed} of each row."""
        return self.raw["pairs"]

    def image(self, pair: int, steps: int) -> np.ndarray:
        """(side, side, 3) uint8. Raises ValueError for a number of steps that has none."""
        side, column = self.raw["side"], self.steps.index(steps)
        return self.sheet[pair * side : (pair + 1) * side, column * side : (column + 1) * side]


def blind_test_name(model: str) -> str:
    """The name, without its ending, of the files with the images of the blind test by a network."""
    return "ladders" if model == BLIND_TEST else f"ladders-{model}"


@lru_cache
def load_blind_test(model: str = BLIND_TEST, folder: Path = CURVES) -> BlindTest | None:
    """The shipped images of the blind test by a network, read once a process, or None where there are none yet."""
    path = folder / f"{blind_test_name(model)}.json"
    if not path.exists():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    with Image.open(path.with_suffix(".webp")) as sheet:
        return BlindTest(raw, np.asarray(sheet.convert("RGB")))


def published_results(path: Path = CURVES / "published.toml") -> tuple[list[int], list[dict]]:
    """Published figures: the columns (network evaluations) and the rows, each with its source."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return raw["columns"], raw["row"]

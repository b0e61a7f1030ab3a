"""Put all training images on one sheet, for the nearest-neighbour search of the lesson on memorization.

    python -m diffviz.training.build_reference_set        # -> assets/drawings.avif and drawings.json; a minute

The sheet is compressed with loss; the yardstick, how far real images that were never trained on lie from the
images on it, is therefore taken from the sheet as it will be read.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from diffviz.evaluation import nearest_neighbors
from diffviz.paths import ASSETS
from diffviz.training.data import Dataset

COLUMNS = 96


def sheet(pictures: np.ndarray) -> Image.Image:
    """Images (N, S, S, 3) uint8 in rows of COLUMNS, the rest white."""
    n, s = pictures.shape[:2]
    rows = math.ceil(n / COLUMNS)
    cells = np.full((rows * COLUMNS, s, s, 3), 255, np.uint8)
    cells[:n] = pictures
    grid = cells.reshape(rows, COLUMNS, s, s, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(grid.reshape(rows * s, COLUMNS * s, 3))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data/emoji32.npz"))
    parser.add_argument("--out", type=Path, default=ASSETS)
    args = parser.parse_args()
    data = Dataset.load(args.data)
    rows = data.rows(heldout=False)
    path = args.out / "drawings.avif"
    pictures = data.images[rows].permute(0, 2, 3, 1).numpy()
    sheet(pictures).save(path, quality=75, subsampling="4:4:4")
    facts = {
        "labels": data.labels,
        "styles": data.styles,
        "label": data.label[rows].tolist(),
        "style": data.style[rows].tolist(),
        "new": [],
    }
    write(args.out, facts)
    nearest_neighbors.load_reference_set.cache_clear()
    reference = nearest_neighbors.load_reference_set(args.out)
    assert reference is not None, "it was written just now"
    heldout = data.examples(data.rows(heldout=True, common=True))
    far = nearest_neighbors.distances(heldout, reference.images).amin(1)
    facts["new"] = sorted(round(float(d), 4) for d in far)
    write(args.out, facts)
    limit = np.quantile(facts["new"], nearest_neighbors.COPY_QUANTILE)
    print(
        f"{path}: {len(rows)} images, {path.stat().st_size / 1e6:.1f} MB; {len(far)} real new ones lie "
        f"{np.median(facts['new']):.3f} away (median), 95 % of them more than {limit:.3f}"
    )


def write(folder: Path, facts: dict) -> None:
    (folder / "drawings.json").write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

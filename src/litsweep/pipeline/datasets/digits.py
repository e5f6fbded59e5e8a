"""scikit-learn's 1,797 handwritten digits: grey images of 8 x 8 pixels with 17 levels, bundled with it."""

from pathlib import Path

import numpy as np
import torch

from litsweep.pipeline.datasets.source import DownloadedSet, as_labels
from litsweep.pipeline.images import Images, Prepared


def _fetch(scratch: Path) -> Prepared:
    """Return the digits; a fixed fifth of them is the test set."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    test, train = order[: len(order) // 5], order[len(order) // 5 :]
    labels = as_labels(digits.target)
    names = tuple(str(name) for name in digits.target_names)
    return Prepared(Images(pixels[train], labels[train]), None, Images(pixels[test], labels[test]), names)


SOURCES = (DownloadedSet("digits", (1, 8, 8), 10, _fetch),)

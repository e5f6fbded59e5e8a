"""Images for the W&B run."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import wandb
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

TILE = 96  # pixels: width and height of one image of the grid
CAPTION = 26  # pixels: room for two lines under it
COLUMNS = 8
RIGHT, WRONG = (0, 120, 60), (200, 0, 30)


def prediction_grid(
    images: Tensor, predictions: Tensor, labels: Tensor, classes: Sequence[str]
) -> Image.Image:
    """Return a grid of images (n x c x h x w, any scale), each with its prediction above its label.

    A correct prediction is green, a wrong one red.
    """
    rows = math.ceil(len(images) / COLUMNS)
    grid = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    draw = ImageDraw.Draw(grid)
    for index, (image, prediction, label) in enumerate(
        zip(images, predictions.tolist(), labels.tolist(), strict=True)
    ):
        left, top = index % COLUMNS * TILE, index // COLUMNS * (TILE + CAPTION)
        grid.paste(_tile(image), (left, top))
        text = f"{classes[prediction][:14]}\n({classes[label][:12]})"
        draw.text((left + 2, top + TILE), text, fill=RIGHT if prediction == label else WRONG, spacing=1)
    return grid


def confusion_chart(counts: Tensor, classes: Sequence[str]) -> Any:
    """Return W&B's confusion matrix chart of `counts` (label x prediction)."""
    rows = [
        [actual, predicted, int(n)]
        for actual, row in zip(classes, counts.tolist(), strict=True)
        for predicted, n in zip(classes, row, strict=True)
    ]
    return wandb.plot_table(
        vega_spec_name="wandb/confusion_matrix/v1",
        data_table=wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=rows),
        fields={"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"},
        string_fields={"title": "Test set"},
    )


def _tile(image: Tensor) -> Image.Image:
    """Return one image, stretched to the full range of grey and to the tile's size."""
    pixels = image.detach().float().cpu()
    low, high = pixels.min(), pixels.max()
    pixels = (pixels - low) / (high - low).clamp_min(1e-8) * 255
    pixels = functional.interpolate(pixels[None], size=(TILE, TILE), mode="nearest")[0]
    pixels = pixels[:3] if len(pixels) >= 3 else pixels[:1].expand(3, -1, -1)
    return Image.fromarray(pixels.to(torch.uint8).permute(1, 2, 0).numpy())

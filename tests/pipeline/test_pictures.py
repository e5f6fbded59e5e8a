"""The images that a run logs."""

import torch
import wandb
from PIL import ImageStat

from litsweep.pipeline.pictures import CAPTION, COLUMNS, TILE, confusion_chart, prediction_grid


def test_the_grid_has_a_tile_and_a_caption_per_image() -> None:
    images = torch.randn(9, 1, 8, 8)
    grid = prediction_grid(images, torch.zeros(9).long(), torch.arange(9) % 2, ("cat", "dog"))
    assert grid.size == (COLUMNS * TILE, 2 * (TILE + CAPTION))
    right = grid.crop((0, TILE, TILE, TILE + CAPTION))
    wrong = grid.crop((TILE, TILE, 2 * TILE, TILE + CAPTION))
    red, green, _ = (
        ImageStat.Stat(right).mean[channel] - ImageStat.Stat(wrong).mean[channel] for channel in range(3)
    )
    assert green > 0 > red  # the right one is written in green, the wrong one in red


def test_the_chart_counts_label_by_prediction() -> None:
    chart = confusion_chart(torch.tensor([[5, 1], [0, 7]]), ("cat", "dog"))
    table = chart.table
    assert isinstance(table, wandb.Table)
    assert table.data == [["cat", "cat", 5], ["cat", "dog", 1], ["dog", "cat", 0], ["dog", "dog", 7]]

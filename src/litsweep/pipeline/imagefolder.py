"""Images on disk: ROOT/train/CLASS/*.jpg, ROOT/test/CLASS/*.jpg and optionally ROOT/val/CLASS/*.jpg."""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

from litsweep.errors import ConfigError, Fault
from litsweep.pipeline.datasets.source import FORMAT
from litsweep.pipeline.images import Images, Loaded, Prepared, channel_moments, load, prepare_once

log = logging.getLogger(__name__)

IN_MEMORY_BYTES = 4 * 1024**3  # the loader's workers decode larger sets batch by batch
SAMPLE_FOR_MOMENTS = 2_000  # images that give the mean and std of a larger set
SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class ImageFolder:
    """The images under `root`, each brought to 3 x `size` x `size`."""

    root: Path
    size: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return 3, self.size, self.size

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names: the folders in `root`/train, in alphabetical order."""
        train = self.root / "train"
        names = sorted(path.name for path in train.iterdir() if path.is_dir()) if train.is_dir() else []
        if not names:
            fix = "lay the images out as train/CLASS/*.jpg and test/CLASS/*.jpg"
            raise ConfigError(
                "the data", [Fault("data.root", "needs class folders in train/", str(self.root), fix)]
            )
        return tuple(names)

    def load(self, cache: Path) -> Loaded:
        """Return the images: the saved ones if all fit in memory, else files decoded on use."""
        if self._fits_in_memory:
            return load(self._prepared_file(cache))
        train = EncodedImages(self._files("train"), self.size)
        sample = torch.linspace(0, len(train) - 1, min(len(train), SAMPLE_FOR_MOMENTS)).long()
        mean, std = channel_moments(train.__getitems__(sample.tolist())[0])
        val = EncodedImages(self._files("val"), self.size) if self._has_val else None
        test = EncodedImages(self._files("test"), self.size)
        return Loaded(train, val, test, self.classes, mean, std)

    def prepare(self, cache: Path) -> None:
        """Decode all images once and save them, if they fit in memory."""
        if self._fits_in_memory:
            prepare_once(self._prepared_file(cache), lambda _: self._decode_all())

    @property
    def _has_val(self) -> bool:
        return (self.root / "val").is_dir()

    @property
    def _fits_in_memory(self) -> bool:
        images = sum(len(files) for files in self._all_files.values())
        return images * 3 * self.size**2 <= IN_MEMORY_BYTES

    @cached_property
    def _all_files(self) -> dict[str, list[tuple[Path, int]]]:
        parts = ("train", "val", "test") if self._has_val else ("train", "test")
        return {part: self._files(part) for part in parts}

    def _files(self, part: str) -> list[tuple[Path, int]]:
        files = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((self.root / part / name).rglob("*"))
            if path.suffix.lower() in SUFFIXES
        ]
        if not files:
            fix = f"put images into {self.root / part}/{self.classes[0]}/ and so on"
            raise ConfigError(
                "the data", [Fault("data.root", f"needs images in {part}/", str(self.root), fix)]
            )
        return files

    def _prepared_file(self, cache: Path) -> Path:
        """Return a path with a hash of the images' names, sizes and times: a change gives a new file."""
        digest = hashlib.sha256(str(self.root.resolve()).encode())
        for files in self._all_files.values():
            for path, _ in files:
                status = path.stat()
                digest.update(f"{path.relative_to(self.root)} {status.st_size} {status.st_mtime_ns}".encode())
        return cache / "imagefolder" / f"{digest.hexdigest()[:16]}-{self.size}-{FORMAT}.pt"

    def _decode_all(self) -> Prepared:
        parts = {part: _decode_readable(files, self.size) for part, files in self._all_files.items()}
        return Prepared(parts["train"], parts.get("val"), parts["test"], self.classes)


class EncodedImages(Dataset[tuple[Tensor, Tensor]]):
    """Image files, decoded for each batch."""

    def __init__(self, files: Sequence[tuple[Path, int]], size: int) -> None:
        self.files = files
        self.size = size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        path, label = self.files[index]
        return decode(path, self.size), torch.tensor(label)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        pixels, labels = zip(*(self[int(index)] for index in indices), strict=True)
        return torch.stack(pixels), torch.stack(labels)


def decode(path: Path, size: int) -> Tensor:
    """Return an image as uint8, 3 x `size` x `size`: the shorter side resized, then the centre cropped."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BILINEAR).crop(
            (left, top, left + size, top + size)
        )
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _decode_readable(files: Sequence[tuple[Path, int]], size: int) -> Images:
    """Return all readable images. A warning names the others."""
    with ThreadPoolExecutor() as pool:
        decoded = list(pool.map(partial(_decode_or_none, size=size), [path for path, _ in files]))
    broken = [path for (path, _), pixels in zip(files, decoded, strict=True) if pixels is None]
    if broken:
        log.warning("left out %d unreadable images: %s", len(broken), ", ".join(map(str, broken[:5])))
    kept = [(pixels, label) for pixels, (_, label) in zip(decoded, files, strict=True) if pixels is not None]
    if not kept:
        raise ConfigError(
            "the data", [Fault("data.root", "no image can be read", str(files[0][0].parent), "")]
        )
    return Images(torch.stack([pixels for pixels, _ in kept]), torch.tensor([label for _, label in kept]))


def _decode_or_none(path: Path, size: int) -> Tensor | None:
    try:
        return decode(path, size)
    except (UnidentifiedImageError, OSError):
        return None

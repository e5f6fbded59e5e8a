"""Small data sets in the formats of the original files, with their checksums set in torchvision.

torchvision refuses an archive without the MD5 sum of the original file. The functions therefore set the
expected sum to that of the archive they made.
"""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from torchvision import datasets

Pixels = NDArray[np.uint8]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def cifar10(folder: Path, pixels: Pixels, labels: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write cifar-10-python.tar.gz: five training batches and a test batch, of a sixth of the images each."""
    n = len(pixels) // 6
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    files = {}
    for index, name in enumerate(names):
        part = slice(index * n, (index + 1) * n)
        files[name] = pickle.dumps({"data": pixels[part].reshape(n, -1), "labels": labels[part]})
    meta = pickle.dumps({"label_names": [f"class {number}" for number in range(10)]})
    archive = _tar("cifar-10-batches-py", {**files, "batches.meta": meta})
    (folder / "cifar-10-python.tar.gz").write_bytes(archive)
    sums = [[name, md5(data)] for name, data in files.items()]
    _expect(monkeypatch, datasets.CIFAR10, archive, sums[:5], sums[5:], "batches.meta", "label_names", meta)


def cifar100(folder: Path, pixels: Pixels, labels: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write cifar-100-python.tar.gz: half of the images for training."""
    n = len(pixels) // 2
    files = {
        name: pickle.dumps({"data": pixels[part].reshape(n, -1), "fine_labels": labels[part]})
        for name, part in (("train", slice(0, n)), ("test", slice(n, None)))
    }
    meta = pickle.dumps({"fine_label_names": [f"class {number}" for number in range(100)]})
    archive = _tar("cifar-100-python", {**files, "meta": meta})
    (folder / "cifar-100-python.tar.gz").write_bytes(archive)
    train, test = [["train", md5(files["train"])]], [["test", md5(files["test"])]]
    _expect(monkeypatch, datasets.CIFAR100, archive, train, test, "meta", "fine_label_names", meta)


def mnist(
    kind: Any, folder: Path, pixels: Pixels, labels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write the four gzipped idx files of MNIST or FashionMNIST: half of the images for training."""
    n = len(pixels) // 2
    sums = []
    for part, name in ((slice(0, n), "train"), (slice(n, None), "t10k")):
        images = struct.pack(">IIII", 0x803, n, 28, 28) + pixels[part].tobytes()
        numbers = struct.pack(">II", 0x801, n) + bytes(labels[part])
        for content, file in (
            (images, f"{name}-images-idx3-ubyte.gz"),
            (numbers, f"{name}-labels-idx1-ubyte.gz"),
        ):
            data = gzip.compress(content)
            (folder / file).write_bytes(data)
            sums.append((file, md5(data)))
    monkeypatch.setattr(kind, "resources", sums)


def svhn(folder: Path, pixels: Pixels, labels: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write train_32x32.mat and test_32x32.mat: half of the images each; 0 is labelled 10, as in SVHN."""
    n = len(pixels) // 2
    expected = dict(datasets.SVHN.split_list)
    for part, split in ((slice(0, n), "train"), (slice(n, None), "test")):
        buffer = io.BytesIO()
        numbers = np.array([label or 10 for label in labels[part]], dtype=np.uint8)[:, None]
        savemat(buffer, {"X": pixels[part].transpose(2, 3, 1, 0), "y": numbers})
        file = f"{split}_32x32.mat"
        (folder / file).write_bytes(buffer.getvalue())
        expected[split] = [expected[split][0], file, md5(buffer.getvalue())]
    monkeypatch.setattr(datasets.SVHN, "split_list", expected)


def _tar(folder: str, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _expect(
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    archive: bytes,
    train: list[list[str]],
    test: list[list[str]],
    meta_file: str,
    key: str,
    meta: bytes,
) -> None:
    monkeypatch.setattr(kind, "tgz_md5", md5(archive))
    monkeypatch.setattr(kind, "train_list", train)
    monkeypatch.setattr(kind, "test_list", test)
    monkeypatch.setattr(kind, "meta", {"filename": meta_file, "key": key, "md5": md5(meta)})

"""The API key of a server, in a file of its data folder."""

import os
import secrets
from pathlib import Path

from litsweep.errors import LitsweepError
from litsweep.server.data_dir import API_KEY
from litsweep.server.synced_files import new_private_file, sync_folder

_KEY_LENGTH = 40  # the least that the wandb client accepts


def api_key(data_dir: Path) -> str:
    """Return the server's key from `data_dir`. The first call creates it, readable by the owner only.

    Raises LitsweepError if the stored key is shorter than the client accepts.
    """
    path = data_dir / API_KEY
    if not path.exists():
        _write_private(path, secrets.token_hex(_KEY_LENGTH // 2))
    key = path.read_text(errors="replace").strip()
    if len(key) < _KEY_LENGTH:
        rule = f"must hold a key of at least {_KEY_LENGTH} characters, got {len(key)}"
        raise LitsweepError(f"{path}: {rule}; restore it, or delete it so that the server creates a new one")
    return key


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, and sync it and its folder to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with new_private_file(temporary) as file:
        file.write(f"{text}\n".encode())
    temporary.rename(path)
    sync_folder(path.parent)

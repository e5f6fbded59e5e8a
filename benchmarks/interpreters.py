"""The interpreters of the engines that need packages of their own: one virtual environment for each.

The packages of the engine NAME are pinned in `environments/NAME.txt`. An environment is made on first use,
which needs a package index. Its folder is named after the hash of its requirements, so changed requirements
make a new one.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "environments"
DEFAULT_FOLDER = Path(__file__).parent / "results" / "environments"

_folder = DEFAULT_FOLDER


def keep_in(folder: Path) -> None:
    """Set the folder of all environments."""
    global _folder  # noqa: PLW0603
    _folder = folder


def interpreter(name: str) -> Path:
    """Return the Python interpreter that has the engine's packages. Raises SystemExit if pip fails."""
    requirements = REQUIREMENTS / f"{name}.txt"
    environment = _folder.absolute() / f"{name}-{_hash(requirements)}"
    python, installed = environment / "bin" / "python", environment / "installed"
    if not installed.exists():
        print(f"making the environment of {name}: {environment}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        options = ["--quiet", "--disable-pip-version-check"]
        ended = subprocess.run([python, "-m", "pip", "install", *options, "-r", requirements], check=False)
        if ended.returncode:
            raise SystemExit(
                f"the packages of {name} could not be installed; pip needs a package index once. "
                f"Mend what pip says above and repeat the command. Requirements: {requirements}"
            )
        installed.touch()
    return python


def _hash(requirements: Path) -> str:
    text = f"{platform.python_version()}\n{requirements.read_text()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]

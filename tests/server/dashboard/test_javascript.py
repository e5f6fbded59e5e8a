"""The dashboard's JavaScript that needs no browser, tested by Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

JAVASCRIPT_TESTS = Path(__file__).parents[2] / "javascript"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript() -> None:
    done = subprocess.run(
        ["node", "--test"], cwd=JAVASCRIPT_TESTS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "# pass 0" not in done.stdout

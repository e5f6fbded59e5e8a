"""Which modules a warm parent imports for its runs."""

import os
import subprocess
import sys
from pathlib import Path

PROBE = """
import sys
from pathlib import Path
from litsweep.launch.warm import WarmParent
WarmParent(Path("program.py"))
print(*(name for name in ("yaml", "beside", "folder", "package", "wandb") if name in sys.modules))
"""


def test_what_lies_beside_the_program_is_left_to_the_runs(tmp_path: Path) -> None:
    """A person may edit it between two runs. wandb's own folder of logs is no module."""
    (tmp_path / "program.py").write_text("import yaml, beside, folder.part, package, wandb")
    (tmp_path / "beside.py").touch()
    for folder in ("folder", "package", "wandb"):
        (tmp_path / folder).mkdir()
    (tmp_path / "folder" / "part.py").touch()
    (tmp_path / "package" / "__init__.py").touch()
    probe = [sys.executable, "-c", PROBE]
    done = subprocess.run(
        probe, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["yaml", "wandb"]

"""The programs in docs/search.md do what the text says."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_search_in_python() -> None:
    section = (ROOT / "docs/search.md").read_text().partition("\n## In Python\n")[2]
    programs = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    assert len(programs) == 3
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    stopping, learning, freezing = done.stdout.splitlines(keepends=True)
    found = re.fullmatch(
        r"run_cap \w{8} \{'learning_rate': (.+), 'optimizer': 'adam'\} (.+) \(\)\n", stopping
    )
    assert found is not None, done.stdout
    assert abs(float(found[1]) - 0.01) < 0.1 and float(found[2]) < 0.2
    started = re.fullmatch(r"\{'learning_rate': (.+), 'optimizer': 'adam'\}\n", learning)
    assert started is not None and 0.5 < float(started[1]) / float(found[1]) < 2, done.stdout
    assert re.fullmatch(r"run_cap finished \{.*\} 9\n", freezing), done.stdout

"""The imports of a program that are made before it runs: those that its code cannot change."""

from pathlib import Path

import pytest

from litsweep.launch.preload import plan
from tests.launch.warm_runs import cold_run, warm_runs

READS = 'import os\nBACKEND = os.environ.get("BACKEND", "default")\n'
PRINTS = "import reads, os\nprint(reads.BACKEND, os.environ.get('BACKEND'))"
SETS = 'import os\nos.environ["BACKEND"] = "set"\n'


def packages(folder: Path, **sources: str) -> str:
    """Install packages below `folder`. Return their PYTHONPATH."""
    site = folder / "site-packages"
    for name, source in sources.items():
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(source)
    return str(site)


def write(folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)


def planned(folder: Path, source: str) -> list[str]:
    """Return the packages of the standard library in a program's plan."""
    (folder / "program.py").write_text(source)
    return [found.module for found in plan(folder / "program.py").imports]


CLEAN = '''
"""Trains."""
from __future__ import annotations
import json, xml.dom as dom
from typing import TYPE_CHECKING, TypeVar
import logging
from dataclasses import dataclass
from pathlib import Path
if TYPE_CHECKING:
    import wave
HERE = Path(__file__).resolve().parent
log = logging.getLogger(__name__)
T = TypeVar("T")
SIZES: list[int] = [1, 2]
first, second = SIZES

@dataclass
class Point:
    x: int = 1
    @property
    def y(self): return print()

def train(epochs=3):
    import wave
    print(epochs)

try:
    import csv
except ImportError:
    csv = None
import {last}
'''


def test_definitions_and_constants_do_not_end_the_plan(tmp_path: Path) -> None:
    found = planned(tmp_path, CLEAN.replace("{last}", "calendar"))
    assert found == ["json", "xml.dom", "typing", "logging", "dataclasses", "pathlib", "csv", "calendar"]


@pytest.mark.parametrize(
    "effect",
    [
        'os.environ["A"] = "b"',
        'os.environ.setdefault("A", "b")',
        'os.environ |= {"A": "b"}',
        'os.putenv("A", "b")',
        "from_anywhere()",
        "sys.path += ['lib']",
        "del os.environ['A']",
        "for name in NAMES: os.environ[name] = '1'",
        "with open('x') as file: pass",
        "if sys.argv: pass",
        "x = [load() for name in ()]",
        "def main(path=load()): pass",
        "@register\ndef main(): pass",
        "class A:\n    os.environ['A'] = 'b'",
        "class A(base()): pass",
        "dict = load\ndict()",
        "getLogger = load\ngetLogger()",
        "partial(load)()",
        "Path('x').write_text('y')",
        "Path('x').parent.mkdir()",
        "re.sub('a', load, 'b')",
        "torch.backends.cudnn.benchmark = True",
        "import no_source",
    ],
)
def test_code_that_may_have_effects_ends_the_plan(tmp_path: Path, effect: str) -> None:
    (tmp_path / "no_source.so").touch()
    (tmp_path / "no_source.cpython-311-x86_64-linux-gnu.so").touch()
    (tmp_path / "no_source.abi3.so").touch()
    start = "import os, re, sys\nfrom pathlib import Path\nfrom logging import getLogger\n"
    start += "from functools import partial\n"
    assert "calendar" not in planned(tmp_path, f"{start}{effect}\nimport calendar")
    assert "calendar" in planned(tmp_path, f"{start}import calendar\n{effect}")


def test_a_local_module_ends_the_plan_as_the_program_does(tmp_path: Path) -> None:
    """The local module is read like the program: its imports come first, and its code may end the plan."""
    (tmp_path / "package").mkdir()
    write(tmp_path, clean="import csv\nfrom package import part, x", effect="import wave\nprint()")
    write(tmp_path / "package", __init__="from .other import x", other="import clean\nx = 1")
    write(tmp_path / "package", part="import shelve\nif __name__ == '__main__': print()")
    assert planned(tmp_path, "import clean, json, effect, calendar") == ["csv", "shelve", "json", "wave"]
    assert plan(tmp_path / "program.py").end == "effect.py:2"


def test_agent_py_starts_warm() -> None:
    made = plan(Path(__file__).parents[2] / "agent.py")
    assert "litsweep.pipeline.experiment" in [found.module for found in made.imports]


@pytest.mark.parametrize(
    "start",
    [
        "from litsweep.pipeline import main\nif __name__ == '__main__':\n    sys.exit(main())",
        "import litsweep.pipeline\ncode = litsweep.pipeline.main()",
        "from litsweep.pipeline import main as train\nraise SystemExit(train(['--trainer.max_epochs=1']))",
    ],
)
def test_the_pipeline_s_own_imports_are_made_where_nothing_comes_before_it(
    tmp_path: Path, start: str
) -> None:
    assert "litsweep.pipeline.experiment" in planned(tmp_path, f"import sys\n{start}")
    late = f"import sys, os\nos.environ['A'] = 'b'\n{start}"
    assert "litsweep.pipeline.experiment" not in planned(tmp_path, late)


IMPORTS = {
    "the program": SETS,
    "a module beside it": "import beside",
    "a module elsewhere": "import far",
    "an installed package": "import sets",
    "a call": "import quiet; quiet.load()",
    "an import that fails": "try:\n    import missing\nexcept ImportError:\n    import beside",
    "nothing": "",
}


def test_the_environment_before_an_import_counts(tmp_path: Path) -> None:
    quiet = "def load():\n    import os\n    os.environ['BACKEND'] = 'set'"
    site = packages(tmp_path, reads=READS, sets=SETS, quiet=quiet)
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path, beside=SETS)
    write(tmp_path / "elsewhere", far=SETS)
    path = f"{site}:{tmp_path / 'elsewhere'}"
    write(tmp_path, **{name.replace(" ", "_"): f"{start}\n{PRINTS}" for name, start in IMPORTS.items()})
    for name in IMPORTS:
        program = f"{name.replace(' ', '_')}.py"
        with warm_runs(tmp_path, PYTHONPATH=path) as parent:
            answers = [parent.run(program) for _ in range(2)]
        expected = cold_run(tmp_path, program, PYTHONPATH=path)
        assert [(answer.code, answer.output) for answer in answers] == [expected] * 2, name
        assert ("default" in expected[1]) == (name == "nothing")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("WANDB_RUN_ID", "import os\nRUN = os.environ.get('WANDB_RUN_ID')"),
        ("WANDB_SWEEP_PARAM_PATH", "import os\nif 'WANDB_SWEEP_PARAM_PATH' in os.environ: print(1)"),
        ("sys.argv", "import sys\nARGUMENTS = sys.argv[1:]"),
        ("sys.argv", "import sys\nDEBUG = '--debug' in sys.argv"),
    ],
)
def test_a_package_that_reads_what_each_run_has_of_its_own_is_imported_by_each_run(
    tmp_path: Path, name: str, source: str
) -> None:
    site = packages(tmp_path, own=source)
    write(tmp_path, program="import own")
    with warm_runs(tmp_path, PYTHONPATH=site) as parent:
        assert parent.run("program.py").cold == f"importing the program reads {name}"

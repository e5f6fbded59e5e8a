"""A warm parent: which modules it imports for its runs, and how the runs start and end."""

import os
import subprocess
import sys
from pathlib import Path

from tests.launch.warm_runs import cold_run, warm_runs

PROBE = """
import sys
from pathlib import Path
from litsweep.launch.warm import WarmParent
WarmParent(Path("program.py"))
print(*(name for name in ("yaml", "beside", "folder", "package", "wandb") if name in sys.modules))
"""


def test_what_lies_beside_the_program_is_left_to_the_runs(tmp_path: Path) -> None:
    """A user may edit local modules between two runs. The `wandb` folder of logs is no module."""
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


def same_as_new_process(folder: Path, *script: str, **environ: str) -> None:
    with warm_runs(folder, **environ) as parent:
        answers = [parent.run(*script) for _ in range(2)]
    assert [answer.cold for answer in answers] == [None, None]
    expected = cold_run(folder, *script, **environ)
    assert [(answer.code, answer.output) for answer in answers] == [expected] * 2, script


WHERE = """
import inspect, os, sys, beside
def f(): pass
print(__file__, sys.argv, sys.orig_argv, sys.path[0])
print(f.__code__.co_filename, __loader__.path, beside.__file__)
print(inspect.getsource(f), list(globals()))
os.chdir(os.path.dirname(__file__))
print(os.listdir())
raise ValueError("seen")
"""


def test_a_program_is_where_python_says(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "program.py").write_text(WHERE)
    (folder / "sub" / "beside.py").touch()
    (folder / "linked.py").symlink_to("sub/program.py")
    (folder / "away").symlink_to("sub")
    same_as_new_process(folder / "sub", "program.py", "--x=1", "a b")
    for program in ("./sub/program.py", "../folder//sub/program.py", "linked.py", "away/program.py"):
        same_as_new_process(folder, program)
    same_as_new_process(folder, str(folder / "sub" / "program.py"))


SPAWNS = """
import multiprocessing, pickle
class Point:
    def double(self): return 42
if __name__ == "__main__":
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.apply(Point.double, [pickle.loads(pickle.dumps(Point()))]))
"""


def test_other_processes_know_the_functions_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "program.py").write_text(SPAWNS)
    same_as_new_process(tmp_path, "sub/program.py")


ENDS = {
    "return": "",
    "exit": "import sys; sys.exit(300)",
    "text": "import sys; print(1); sys.exit('text')",
    "negative": "raise SystemExit(-1)",
    "error": "def f(): 1 / 0\nf()",
    "syntax": "print(1)\nx = = 1",
    "interrupt": "raise KeyboardInterrupt",
    "hook": "import sys\nsys.excepthook = lambda *seen: print(seen[0])\n1 / 0",
    "file": "open('file', 'w').write('a')\nfile = open('file', 'a')\nfile.write('b')",
    "kept file": "import package\npackage.log = open('kept', 'w')\npackage.log.write('c')",
    "destructor": "class A:\n    def __del__(self): print('gone')\na = A()\na.a = a\nb = A()",
    "cleanup": "import atexit, package\natexit.register(print, 'program')",
    "C": "import ctypes\nctypes.CDLL(None).puts(b'from C')",
    "thread": "import threading, time\nthreading.Thread(target=lambda: [time.sleep(.1), print(1)]).start()",
}
PACKAGE = "import atexit, tempfile\natexit.register(print, 'package')\nfolder = tempfile.TemporaryDirectory()"


def test_a_run_ends_as_python_ends(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "package.py").write_text(PACKAGE)
    path = str(tmp_path / "site-packages")
    for name, source in ENDS.items():
        (tmp_path / f"{name}.py").write_text(source)
        same_as_new_process(tmp_path, f"{name}.py", PYTHONPATH=path)
    assert (tmp_path / "file").read_text() == "ab"
    assert (tmp_path / "kept").read_text() == "c"


CHANGES = """
import os, signal, sys, warnings
NAME = sys.argv[0], sys.path[0], sys.modules["__main__"].__file__
NULL = os.open(os.devnull, os.O_RDONLY)
def handler(*seen): print(seen)
signal.signal(signal.SIGTERM, handler)
sys.path.append("extra")
sys.excepthook = handler
warnings.simplefilter("error")
os.environ["ADDED"] = os.environ.get("ADDED", "") + "1"
del os.environ["TAKEN"]
"""
SHOWS = """
import package
import os, signal, sys, warnings
print(package.NAME, os.fstat(package.NULL).st_rdev, signal.getsignal(signal.SIGTERM) is package.handler)
print(sys.path[-1], sys.excepthook is package.handler, len(warnings.filters))
print(os.environ.get("ADDED"), os.environ.get("TAKEN"), os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK"))
"""


def test_a_run_has_what_imports_change(tmp_path: Path) -> None:
    """Each run gets the changes that imports make, and the parent does not keep them."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "package.py").write_text(CHANGES)
    (tmp_path / "program.py").write_text(SHOWS)
    same_as_new_process(tmp_path, "program.py", PYTHONPATH=str(tmp_path / "site-packages"), TAKEN="x")


def test_a_folder_that_a_package_made_stays_for_the_runs_to_come(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "package.py").write_text(PACKAGE)
    (tmp_path / "program.py").write_text("import package, os\nprint(os.listdir(package.folder.name))")
    same_as_new_process(tmp_path, "program.py", PYTHONPATH=str(tmp_path / "site-packages"))


def test_edits_between_two_runs_take_effect(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    (tmp_path / "elsewhere").mkdir()
    for module in ("beside.py", "elsewhere/far.py"):
        (tmp_path / module).write_text("def f(): return 'old'")
    program.write_text(
        "import json, beside, far, inspect\nprint(beside.f(), far.f(), inspect.getsource(far))"
    )
    with warm_runs(tmp_path, PYTHONPATH=str(tmp_path / "elsewhere")) as parent:
        assert parent.run("program.py").output.count("old") == 3
        for module in ("beside.py", "elsewhere/far.py"):
            (tmp_path / module).write_text("def f(): return 'newer'")
        assert parent.run("program.py").output.count("newer") == 3
        program.write_text("import json, beside, wave\nprint('wave', beside.f())")
        assert "now has other imports" in str(parent.run("program.py").cold)
        program.write_text("import json, beside, far, inspect, wave\nprint(wave)")
        assert parent.run("program.py").output.startswith("<module 'wave'")
        (tmp_path / "beside.py").write_text("import os\nos.environ['A'] = 'b'")
        assert "now has other imports" in str(parent.run("program.py").cold)
        program.unlink()
        assert parent.run("program.py").cold == "cannot read program.py: No such file or directory"


def test_a_module_of_the_program_that_the_fork_server_has_from_elsewhere_is_the_run_s(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "linecache.py").write_text("")
    (tmp_path / "sub" / "program.py").write_text("import linecache")
    with warm_runs(tmp_path) as parent:
        assert "another module linecache" in str(parent.run("sub/program.py").cold)


def test_the_fork_server_loads_no_package_that_reads_the_environment_of_a_run() -> None:
    """NumPy reads OMP_NUM_THREADS during its import, and a program may set it before."""
    loaded = (
        "import sys, litsweep.launch.fork_server; print(*{'numpy', 'torch', 'wandb'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True).stdout == b"\n"

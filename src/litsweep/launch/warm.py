"""A warm start: this process imports what the program imports, once, and each run is forked from it.

A fork costs milliseconds where a cold start imports torch and Lightning anew for seconds. It is safe while
the parent has no other thread and has not touched CUDA; `unsafe_to_fork` looks.
"""

import ast
import atexit
import contextlib
import gc
import importlib
import importlib.machinery
import logging
import multiprocessing.util
import os
import signal
import sys
import tempfile
import threading
import traceback
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from litsweep.lifetime import die_with_parent

# What these import at first use only. A name is no import: the launcher runs without the pipeline.
_LAZY_PARTS = {
    "litsweep.pipeline": ("litsweep.pipeline.arguments", "litsweep.pipeline.experiment"),
    "wandb": ("wandb.apis.public",),
}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class WarmParent:
    """Forks the runs of one program, and imports beforehand what they will need.

    At first that is what `program` imports at its top level; then also what a run turned out to import later.
    Modules beside the program are left to the runs: a person may edit them between two runs. What cannot be
    imported is left to the run too, where the error belongs.
    """

    def __init__(self, program: Path) -> None:
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # is_available() without starting CUDA
        self.program = program
        # A run writes the names of its late imports. The file has no name and goes with the last process.
        self._notes = tempfile.TemporaryFile("w+")  # noqa: SIM115
        names = ["wandb", *_imports_of(program)]
        self.load(part for name in names for part in (name, *_LAZY_PARTS.get(name, ())))

    def load(self, names: Iterable[str]) -> list[str]:
        """Import `names`; returns those that could be."""
        loaded = []
        for name in names:
            with contextlib.suppress(Exception, SystemExit):
                if not _is_beside(name, self.program):
                    importlib.import_module(name)
                    loaded.append(name)
        gc.collect()
        gc.freeze()
        return loaded

    def learn(self) -> int:
        """Import what the last run imported late; returns how many modules that were."""
        self._notes.seek(0)
        names = [name for name in self._notes.read().split() if name not in sys.modules]
        self._notes.truncate(0)
        return len(self.load(names)) if names else 0

    def fork(self, script: Sequence[str], environ: Mapping[str, str], forget: Callable[[], None]) -> int:
        """Fork a child that runs `script`, a file and its arguments, as Python would; returns its pid.

        The child leads a session of its own and dies with this process. `forget` closes what is the parent's.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        if (pid := os.fork()) == 0:
            self._be_the_run(script, environ, forget)
        return pid

    def _be_the_run(
        self, script: Sequence[str], environ: Mapping[str, str], forget: Callable[[], None]
    ) -> NoReturn:
        code = 1
        known = set(sys.modules)
        try:
            leave_parent(forget)
            _disown_cleanups()
            _take_environment(environ)
            code = _run_as_main(script)
            self._notes.write("\n".join(sys.modules.keys() - known))
            self._notes.flush()
        except BaseException:
            traceback.print_exc()
        _finish(code)


def _imports_of(program: Path) -> list[str]:
    try:
        tree = ast.parse(program.read_bytes())
    except (OSError, SyntaxError):
        return []
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return list(dict.fromkeys(names))


def _is_beside(name: str, program: Path) -> bool:
    """As Python would find it: a folder without `__init__.py` gives way to an installed package."""
    folder = program.resolve().parent
    spec = importlib.machinery.PathFinder.find_spec(name.partition(".")[0], [str(folder), *sys.path])
    if spec is None:
        return False
    places = spec.submodule_search_locations or [spec.origin or ""]
    return any(Path(place).resolve().parent == folder for place in places)


def unsafe_to_fork() -> str:
    """Why this process must not fork runs; empty when it may."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        return f"importing the program started threads ({', '.join(others)})"
    torch = sys.modules.get("torch")
    if (torch is not None and torch.cuda.is_initialized()) or _holds_gpu():
        return "importing the program touched CUDA"
    return ""


def _holds_gpu() -> bool:
    descriptors = Path("/proc/self/fd")
    with contextlib.suppress(OSError):
        return any("/dev/nvidia" in str(entry.readlink()) for entry in descriptors.iterdir())
    return False


def leave_parent(forget: Callable[[], None]) -> None:
    """In a forked child: a session of its own, default signals, death with the parent."""
    signal.set_wakeup_fd(-1)
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    die_with_parent()
    forget()


def _disown_cleanups() -> None:
    """Leave to the parent what is the parent's, such as temporary folders that later runs need too.

    As in multiprocessing's own children, only what is registered from here on runs at exit.
    """
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    multiprocessing.util._finalizer_registry.clear()  # type: ignore[attr-defined]
    for function in (
        logging.shutdown,
        multiprocessing.util._exit_function,  # type: ignore[attr-defined]
        weakref.finalize._exitfunc,  # type: ignore[attr-defined]
    ):
        atexit.register(function)


def _take_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else every run would inherit one and the same global state
    if (torch := sys.modules.get("torch")) and (threads := environ.get("OMP_NUM_THREADS", "")).isdigit():
        torch.set_num_threads(int(threads))


def _run_as_main(script: Sequence[str]) -> int:
    """Execute the file as `__main__`; returns the exit code Python would give."""
    sys.argv = list(script)
    sys.path[0] = str(Path(script[0]).resolve().parent)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=script[0], __builtins__=__builtins__)
    sys.modules["__main__"] = main
    try:
        exec(compile(Path(script[0]).read_bytes(), script[0], "exec"), main.__dict__)
    except SystemExit as stop:
        return _exit_code(stop.code)
    except BaseException as error:
        shown = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        sys.excepthook(type(shown), shown, shown.__traceback__)
        return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(code: object) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _finish(code: int) -> NoReturn:
    """What the interpreter does at exit, without tearing modules down one by one."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code & 0xFF)

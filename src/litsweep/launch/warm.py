"""A warm start: this process makes the program's imports once, and each run is a fork of it.

A fork takes milliseconds. In a new process the imports of torch and Lightning take seconds. Forking is safe
while the parent has no other thread and has not used CUDA (`unsafe_to_fork`). preload.py finds the imports to
make early. fresh.py resets the fork to the state of a new process.
"""

import atexit
import contextlib
import contextvars
import gc
import importlib
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from litsweep.imports import without_garbage_collection
from litsweep.launch.fresh import (
    Cleanup,
    descriptors,
    exit_process,
    main_module,
    reset_process,
    run_as_main,
)
from litsweep.launch.preload import Import, path_of_program, plan, replaced_modules
from litsweep.sweep.contract import Variable

OWN_VARIABLES = (Variable.RUN_ID, Variable.PARAMETERS_FILE)
"""The environment variables that differ between any two runs."""


class WarmParent:
    """Forks the runs of one program, after the imports that `preload.plan` allows.

    Modules that are not installed are left to the runs, because a user may edit them between two runs.
    Failing imports are left to the runs too, which report the error. `own_variables` differ between the runs:
    imports do not see them. The rest of `environ` becomes the environment of this process and, with all that
    imports change of it, of the runs.
    """

    def __init__(
        self, program: Path, environ: Mapping[str, str] = os.environ, own_variables: Iterable[str] = ()
    ) -> None:
        self.program = program
        self.end = ""  # the line after which each run makes its own imports
        self._own = frozenset((*OWN_VARIABLES, *own_variables))
        self._imported: list[Import] = []
        self._is_broken = False
        self._read_values: set[str] = set()
        self._cleanups: list[Cleanup] = []
        self._files: set[int] = set()
        self._path = path_of_program(program)
        self._context = contextvars.Context()
        self._handlers: dict[int, Any] = {}
        common = {name: value for name, value in environ.items() if name not in self._own}
        os.environ.clear()
        os.environ.update(common)
        self.prepare()

    def prepare(self) -> str | None:
        """Make the imports that the program now allows. Return why it must not be forked, or None."""
        importlib.invalidate_caches()
        try:
            wanted = plan(self.program)
        except OSError as error:
            return f"cannot read {error.filename}: {error.strerror}"
        self.end = wanted.end
        if wanted.imports[: len(self._imported)] != self._imported:
            return f"{self.program} now has other imports"
        if replaced := replaced_modules(self.program):
            return (
                f"the program has another module {replaced[0]} than the one that the fork server has loaded"
            )
        if not self._is_broken:
            self._context.run(self._load, wanted.imports[len(self._imported) :])
        if self._read_values:
            return f"importing the program reads {', '.join(sorted(self._read_values))}"
        return unsafe_to_fork()

    def _load(self, imports: Sequence[Import]) -> None:
        failed = 0
        open_before = descriptors()
        with without_garbage_collection():
            with self._program_interpreter(), self._watched_environment(), self._recorded_cleanups():
                for wanted in imports:
                    if not (failed and wanted.attempt == failed):
                        failed = self._import(wanted)
                    self._imported.append(wanted)
                    if self._is_broken:
                        break
            gc.collect()
        self._files |= descriptors() - open_before

    def _import(self, wanted: Import) -> int:
        """Make one import. Return the attempt that failed, or 0."""
        try:
            __import__(wanted.module, fromlist=wanted.names)
        except ModuleNotFoundError as error:
            if wanted.attempt and error.name == wanted.module.partition(".")[0]:
                return wanted.attempt
            self._is_broken = True
        except (Exception, SystemExit):
            self._is_broken = True
        return 0

    @contextlib.contextmanager
    def _program_interpreter(self) -> Iterator[None]:
        """Give imports the interpreter state of the program. Keep what they change of it for the runs.

        The path and the signal handlers are this process's own again afterwards.
        """
        path = list(sys.path)
        handlers = {signum: signal.getsignal(signum) for signum in signal.valid_signals()}
        sys.path[:] = self._path
        sys.argv = _WatchedArguments([str(self.program)], self._read_values)
        sys.modules["__main__"] = main_module(str(self.program))
        try:
            yield
        finally:
            self._path, sys.path[:] = list(sys.path), path
            for signum, handler in handlers.items():
                if (changed := signal.getsignal(signum)) != handler:
                    self._handlers[signum] = changed
                    signal.signal(signum, handler)

    @contextlib.contextmanager
    def _watched_environment(self) -> Iterator[None]:
        """Record which of the runs' own variables imports read."""
        nvml = "PYTORCH_NVML_BASED_CUDA_CHECK"  # torch.cuda.is_available() without starting CUDA
        is_set = nvml in os.environ
        os.environ.setdefault(nvml, "1")
        vars(os.environ).update(read=self._read_values, own=self._own)
        plain = os.environ.__class__
        os.environ.__class__ = _WatchedEnviron
        try:
            yield
        finally:
            os.environ.__class__ = plain
            if not is_set:
                os.environ.pop(nvml, None)

    @contextlib.contextmanager
    def _recorded_cleanups(self) -> Iterator[None]:
        register = atexit.register

        def record(function: Any, /, *args: Any, **kwargs: Any) -> Any:
            self._cleanups.append((function, args, kwargs))
            return register(function, *args, **kwargs)

        atexit.register = record
        try:
            yield
        finally:
            atexit.register = register

    def run(self, script: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
        """Run `script`, a file and its arguments, as Python would. This process is a child of the parent."""
        code = 1
        inherited = set(sys.modules)
        try:
            reset_process(self._cleanups, self._files)
            os.environ.update({name: environ[name] for name in self._own & environ.keys()})
            sys.path[:] = self._path
            for signum, handler in self._handlers.items():
                signal.signal(signum, handler)
            code = self._context.run(run_as_main, script)
        except BaseException:
            traceback.print_exc()
        exit_process(code, inherited)


class _WatchedArguments(list[str]):
    """Records whether imports read the arguments in `sys.argv`, which differ between runs."""

    def __init__(self, arguments: list[str], read: set[str]) -> None:
        super().__init__(arguments)
        self._read_values = read

    def __getitem__(self, key: Any) -> Any:
        if key != 0:
            self._read_values.add("sys.argv")
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self._read_values.add("sys.argv")
        return super().__iter__()

    def __len__(self) -> int:
        self._read_values.add("sys.argv")
        return super().__len__()

    def __contains__(self, value: object) -> bool:
        self._read_values.add("sys.argv")
        return super().__contains__(value)


class _WatchedEnviron(os._Environ[str]):
    """Records the run's own variables that imports read."""

    read: set[str]
    own: frozenset[str]

    def __getitem__(self, key: str) -> str:
        if key in self.own:
            self.read.add(key)
        return super().__getitem__(key)


def script_of(argv: Sequence[str], environ: Mapping[str, str]) -> Sequence[str] | None:
    """Return `PROGRAM.py …` if the command is `[env] PYTHON PROGRAM.py …` with this very Python, else None.

    The Python of another environment has other packages. The same binary may be that of both.
    """
    words = list(argv)
    if words[:1] == ["/usr/bin/env"]:
        del words[0]
    if len(words) < 2 or not words[1].endswith(".py"):
        return None
    found, ours = shutil.which(words[0], path=environ.get("PATH")), Path(sys.executable)
    is_ours = found and Path(found).parent == ours.parent and Path(found).samefile(ours)
    return words[1:] if is_ours else None


def unsafe_to_fork() -> str | None:
    """Return why this process must not fork runs, or None if it may."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        return f"importing the program started threads ({', '.join(others)})"
    torch = sys.modules.get("torch")
    if (torch is not None and torch.cuda.is_initialized()) or _holds_gpu():
        return "importing the program touched CUDA"
    return None


def _holds_gpu() -> bool:
    descriptors = Path("/proc/self/fd")
    with contextlib.suppress(OSError):
        return any("/dev/nvidia" in str(entry.readlink()) for entry in descriptors.iterdir())
    return False

"""Resets a forked process to the state of a new one that runs `python program.py`, and ends it."""

import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib
import io
import linecache
import logging
import multiprocessing.process
import multiprocessing.util
import os
import signal
import sys
import threading
import time
import traceback
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NoReturn

from litsweep.lifetime import die_with_parent

Cleanup = tuple[Callable[..., object], tuple[object, ...], dict[str, object]]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
_REMOVES_FILES = {"tempfile", "shutil", "os", "posix", "pathlib"}


def start_child(body: Callable[[], NoReturn], log: Path | None = None) -> int:
    """Fork a child that executes `body` with its output appended to `log`. Return the child's pid.

    The child leads a session of its own, has the default signal handlers, and dies with this process. A
    signal for it waits until then, because this process's handlers would discard it.
    """
    flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid != 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    if pid == 0:
        _become_child(body, log)
    return pid


def _become_child(body: Callable[[], NoReturn], log: Path | None) -> NoReturn:
    try:
        _detach_from_parent()
        if log:
            _append_output_to(log)
        body()
    except BaseException:
        traceback.print_exc()
        flush()
    os._exit(1)


def _detach_from_parent() -> None:
    signal.set_wakeup_fd(-1)
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _append_output_to(log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def execute(argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by a new one."""
    try:
        os.execvpe(argv[0], argv, environ)
    except OSError as error:
        print(f"cannot start {argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(127)


def descriptors() -> set[int]:
    """Return the open file descriptors."""
    listed = [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    return {descriptor for descriptor in listed if _is_open(descriptor)}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def flush() -> None:
    """Flush the output buffers of Python and C, before a fork or an exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


def reset_process(cleanups: Iterable[Cleanup], imported_files: set[int]) -> None:
    """Replace the state that this process has inherited by that of a new process.

    `cleanups` are the exit functions that imports have registered, `imported_files` the descriptors that they
    have opened.
    """
    _close_files(imported_files)
    _reset_cleanups(cleanups)
    _reset_random_state()
    _reset_standard_library()


def _close_files(imported: set[int]) -> None:
    """Close what exec would close: descriptors that are not inheritable belong to the fork server."""
    for descriptor in descriptors() - imported - {0, 1, 2}:
        with contextlib.suppress(OSError):
            if not os.get_inheritable(descriptor):
                os.close(descriptor)


def _reset_cleanups(cleanups: Iterable[Cleanup]) -> None:
    """Keep only the exit functions of imports that remove no files: later runs need the files."""
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # private
        finalizer.atexit = False
    multiprocessing.util._finalizer_registry.clear()  # type: ignore[attr-defined]  # private
    own: tuple[Callable[..., object], ...] = (
        logging.shutdown,
        multiprocessing.util._exit_function,  # type: ignore[attr-defined]  # private
        weakref.finalize._exitfunc,  # type: ignore[attr-defined]  # private
    )
    for function in own:
        atexit.register(function)
    for function, args, kwargs in cleanups:
        if function not in own and getattr(function, "__module__", None) not in _REMOVES_FILES:
            atexit.register(function, *args, **kwargs)


def _reset_random_state() -> None:
    """Reseed NumPy and torch. Python reseeds its own generator at a fork."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
    multiprocessing.process.current_process().authkey = os.urandom(32)


def _reset_standard_library() -> None:
    logging.getLogger("litsweep.agent").handlers.clear()
    started = logging._startTime  # type: ignore[attr-defined]  # private
    logging._startTime = time.time_ns() if isinstance(started, int) else time.time()  # type: ignore[attr-defined]  # private
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]  # private
    importlib.invalidate_caches()
    linecache.clearcache()


def main_module(script: str) -> types.ModuleType:
    """Return the `__main__` module of a script that Python starts."""
    file = script if Path(script).is_absolute() else f"{Path.cwd()}/{script}"  # not normalized, as in Python
    main = types.ModuleType("__main__")
    loader = SourceFileLoader("__main__", file)
    main.__dict__.update(__loader__=loader, __annotations__={}, __builtins__=builtins)
    main.__dict__.update(__file__=file, __cached__=None)
    return main


def run_as_main(script: Sequence[str]) -> int:
    """Execute the file as `__main__`. Return Python's exit code, or a signal's negative number."""
    sys.argv = list(script)
    sys.orig_argv = [sys.executable, *script]
    main = sys.modules["__main__"] = sys.modules["__mp_main__"] = main_module(script[0])
    file = str(main.__file__)
    try:
        exec(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as stop:
        return _exit_code(stop.code)
    except BaseException as error:
        shown = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        sys.excepthook(type(shown), shown, shown.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def exit_process(code: int, inherited: set[str]) -> NoReturn:
    """End as the interpreter does, except that the `inherited` modules stay."""
    join_threads: Callable[[], None] = threading._shutdown  # type: ignore[attr-defined]  # private
    for step in (join_threads, atexit._run_exitfuncs, flush, partial(_release_modules, inherited), flush):
        try:
            step()
        except BaseException:
            traceback.print_exc()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _release_modules(inherited: set[str]) -> None:
    """Delete the modules of the run, so that files that it left open are written and closed."""
    main = weakref.ref(sys.modules["__main__"])
    for name in sys.modules.keys() - (inherited - {"__main__", "__mp_main__"}):
        del sys.modules[name]
    gc.collect()
    if module := main():
        module.__dict__.clear()
        gc.collect()
    for kind in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):  # files of inherited modules
        for file in [found for found in gc.get_objects() if type(found) is kind]:
            with contextlib.suppress(ValueError, OSError):  # the file is closed
                file.flush()

"""A warm start: this process imports what the program imports, once, and each run is forked from it.

A fork costs milliseconds where a cold start imports torch and Lightning anew for seconds. It is safe while
the parent has no other thread and has not touched CUDA; `unsafe_to_fork` looks.
"""

import ast
import atexit
import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from litsweep.launch.process import die_with_parent

# What these import at first use only. A name is no import: the launcher runs without the pipeline.
_LAZY_PARTS = {
    "litsweep.pipeline": ("litsweep.pipeline.arguments", "litsweep.pipeline.experiment"),
    "lightning": ("lightning.pytorch.loggers.wandb",),
}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def preload(program: Path) -> list[str]:
    """Import what `program` imports at its top level from installed packages, and wandb; returns the names.

    Modules beside the program are left to the runs: a person may edit them between two runs. What cannot be
    imported is left to the run too, where the error belongs.
    """
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # is_available() without starting CUDA
    wanted = ["wandb", *(name for name in _imports_of(program) if not _is_beside(name, program))]
    loaded = []
    for name in [part for name in wanted for part in (name, *_LAZY_PARTS.get(name, ()))]:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
            loaded.append(name)
    gc.collect()
    gc.freeze()
    return loaded


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
    top = program.parent / name.partition(".")[0]
    return top.with_suffix(".py").exists() or (top / "__init__.py").exists()


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


def fork_run(script: Sequence[str], environ: Mapping[str, str], forget: Callable[[], None]) -> int:
    """Fork a child that runs `script` (a file and its arguments) as Python would; returns its pid.

    The child leads a session of its own and dies with this process. `forget` closes what is the parent's.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if (pid := os.fork()) == 0:
        _be_the_run(script, environ, forget)
    return pid


def _be_the_run(script: Sequence[str], environ: Mapping[str, str], forget: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        leave_parent(forget)
        _take_environment(environ)
        _take_media_folder()
        code = _run_as_main(script)
    except BaseException:
        traceback.print_exc()
    _finish(code)


def leave_parent(forget: Callable[[], None]) -> None:
    """In a forked child: a session of its own, default signals, death with the parent."""
    signal.set_wakeup_fd(-1)
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    die_with_parent()
    forget()


def _take_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else every run would inherit one and the same global state
    if (torch := sys.modules.get("torch")) and (threads := environ.get("OMP_NUM_THREADS", "")).isdigit():
        torch.set_num_threads(int(threads))


def _take_media_folder() -> None:
    """wandb makes its folder for media on import and removes it at exit: every run needs one of its own."""
    if private := sys.modules.get("wandb.sdk.data_types._private"):
        private.MEDIA_TMP._finalizer.detach()
        private.MEDIA_TMP.__init__("wandb-media")


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

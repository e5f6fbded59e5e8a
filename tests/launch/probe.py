"""Prints the state of its process as JSON, however it was started."""

import atexit
import contextvars
import decimal
import faulthandler
import gc
import inspect
import io
import json
import locale
import logging
import multiprocessing
import os
import pickle
import random
import resource
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import tracemalloc
import uuid
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import wandb

VALUE: int = 1


def double(x: int) -> int:
    return 2 * x


def random_numbers() -> dict[str, Any]:
    """Return one number of every generator. They differ between any two processes."""
    return {
        "hash": hash("x"),
        "multiprocessing": multiprocessing.current_process().authkey.hex(),
        "numpy": np.random.random(),
        "numpy generator": np.random.default_rng().random(),
        "random": random.random(),
        "secrets": secrets.token_hex(),
        "tempfile": tempfile.mktemp(),
        "torch": torch.rand(1).item(),
        "torch seed": torch.initial_seed(),
        "torch permutation": torch.randperm(1000).tolist(),
        "uuid1": str(uuid.uuid1()),
        "uuid4": str(uuid.uuid4()),
        "wandb": wandb.sdk.lib.runid.generate_id(20),
    }


def main_module() -> dict[str, Any]:
    main = sys.modules["__main__"]
    own = {name: getattr(main, name, "missing") for name in dir(main) if name.startswith("__")}
    return {name: value if value in (None, {}) else str(value) for name, value in own.items()} | {
        "__loader__": type(own["__loader__"]).__name__,
        "__file__": own["__file__"],
        "__annotations__": list(own["__annotations__"]),
        "multiprocessing": sys.modules["__mp_main__"] is main,
    }


def interpreter() -> dict[str, Any]:
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "flags": str(sys.flags),
        "executable": sys.executable,
        "warnoptions": sys.warnoptions,
        "xoptions": sys._xoptions,
        "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "tracing": [sys.gettrace(), sys.getprofile(), threading.gettrace(), tracemalloc.is_tracing()],
        "faulthandler": faulthandler.is_enabled(),
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "frozen objects": gc.get_freeze_count() > 0,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "stack": [frame.filename for frame in inspect.stack()[::-1]],
    }


def process() -> dict[str, Any]:
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    umask = os.umask(0)
    os.umask(umask)
    return {
        "cwd": str(Path.cwd()),
        "umask": umask,
        "nice": os.nice(0),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in limits},
        "signals": {signum.name: str(signal.getsignal(signum)) for signum in signal.Signals},
        "mask": sorted(mask),
        "wakeup": signal.set_wakeup_fd(-1),
        "files": sorted(entry.name for entry in Path("/proc/self/fd").iterdir())[:-1],
        "leads a group": os.getpgid(0) == os.getpid(),
        "leads a session": os.getsid(0) == os.getpid(),
        "threads": [thread.name for thread in threading.enumerate()],
        "main thread": threading.main_thread().native_id == os.getpid(),
        "cpu time": time.process_time() < 60,
        "children": multiprocessing.active_children(),
    }


def library() -> dict[str, Any]:
    loggers = [x for x in logging.root.manager.loggerDict.values() if isinstance(x, logging.Logger)]
    handlers = [(x.name, type(handler).__name__) for x in loggers for handler in x.handlers]
    return {
        "locale": locale.setlocale(locale.LC_ALL),
        "encodings": [sys.getdefaultencoding(), sys.getfilesystemencoding(), locale.getencoding()],
        "streams": [_stream(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "root logger": [logging.root.level, str(logging.root.handlers), logging.root.manager.disable],
        "handlers": sorted(entry for entry in handlers if entry[1] != "NullHandler"),
        "logging since": time.time() - logging._startTime < 60,  # type: ignore[attr-defined]
        "warnings": sorted({str(entry) for entry in warnings.filters}),
        "multiprocessing": [
            multiprocessing.get_start_method(allow_none=True), multiprocessing.current_process().name,
        ],
        "socket timeout": socket.getdefaulttimeout(),
        "decimal": str(decimal.getcontext()),
        "contextvars": sorted(variable.name for variable in contextvars.copy_context()),
        "tempdir": tempfile.gettempdir(),
    }  # fmt: skip


def _stream(stream: io.TextIOWrapper | Any) -> list[object]:
    return [stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.write_through]


def packages() -> dict[str, Any]:
    return {
        "numpy errors": np.geterr(),
        "torch threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "torch dtype": str(torch.get_default_dtype()),
        "torch modes": [
            torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark,
        ],
        "cuda": [torch.cuda.is_available(), torch.cuda._initialized, torch.cuda._is_in_bad_fork()],
    }  # fmt: skip


def code() -> dict[str, Any]:
    """Return whether functions of the program can be pickled for other processes, inspected and traced."""
    try:
        raise KeyError("x")
    except KeyError:
        trace = traceback.format_exc()
    return {
        "source": inspect.getsource(double),
        "trace": trace,
        "pickle": pickle.loads(pickle.dumps(double)) is double,
    }


def probe() -> dict[str, Any]:
    return {
        "random": random_numbers(),
        "environ": dict(os.environ),
        **{f"main {name}": value for name, value in main_module().items()},
        **interpreter(),
        **process(),
        **library(),
        **packages(),
        **code(),
    }


if __name__ == "__main__":
    found = probe()
    unclosed = Path(f"probe-{os.environ['WANDB_RUN_ID']}.json").open("w")  # noqa: SIM115
    atexit.register(unclosed.write, json.dumps(found))
    with wandb.init() as run:
        run.log({"loss": found["random"]["torch"]})

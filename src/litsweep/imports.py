"""Imports of large packages in less time."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Import packages without garbage collection, and exempt their objects from later ones.

    The objects of torch and Lightning live as long as the process. To search them for garbage again and
    again takes a quarter of the time of their import. A package may set a threshold of its own.
    """
    threshold, loaded = gc.get_threshold(), len(sys.modules)
    gc.set_threshold(0)
    try:
        yield
    finally:
        if gc.get_threshold()[0] == 0:
            gc.set_threshold(*threshold)
        if len(sys.modules) > loaded:
            gc.freeze()

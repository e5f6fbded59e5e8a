"""The transition table in a module's docstring, and the files that write state columns."""

import ast
import inspect
from pathlib import Path
from types import ModuleType

import litsweep.server

SERVER = Path(litsweep.server.__file__).parent


def table(module: ModuleType) -> dict[tuple[str, str], str]:
    """Return the state after the event, by (event, state before)."""
    lines = (module.__doc__ or "").splitlines()
    rows = [line.strip() for line in lines if line.startswith("    ")]
    head, *body = rows
    states = head.split()[1:]
    found = {}
    for row in body:
        *event, cells = row.rsplit(maxsplit=len(states))[0], row.split()[-len(states) :]
        for state, cell in zip(states, cells, strict=True):
            found[" ".join(event[0].split()), state] = state if cell == "-" else cell
    return found


def functions(module: ModuleType) -> set[str]:
    """Return the names of the public functions of a module."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {name for name, made in found if made.__module__ == module.__name__ and not name.startswith("_")}


def callers(*names: str) -> set[str]:
    """Return the server's files that call a function with one of these names, such as `runs.add`."""
    return {
        str(path.relative_to(SERVER))
        for path in SERVER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and any(f".{ast.unparse(node.func)}".endswith(f".{name}") for name in names)
    }


def table_writers(table: str) -> set[str]:
    """Return the server's files that insert or update rows of a table."""
    return callers(f"{table}.insert", f"{table}.update")

"""Imports go one way, between packages and between the modules of each, function-level imports included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import litsweep.errors

ROOT = Path(litsweep.errors.__file__).parent
MAY_IMPORT = {
    "errors": set(),
    "imports": set(),
    "lifetime": set(),
    "sweep": {"errors"},
    "search": {"errors", "sweep"},
    "figures": {"errors", "sweep", "search"},
    "server": {"errors", "lifetime", "sweep", "search", "figures"},
    "optuna": {"errors", "sweep", "search", "figures"},
    "launch": {"errors", "imports", "lifetime", "sweep"},
    "pipeline": {"errors", "imports", "lifetime", "sweep"},
}
"""The packages that each package may import (docs/architecture.md). `cli` may import all of them."""


def modules() -> dict[str, Path]:
    """Dotted module name, without `litsweep.`, to its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """The modules of this package that one imports, anywhere in its code."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from named(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, package)
            for alias in node.names:
                yield from named(f"{base}.{alias.name}") or named(base)


def absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = ["litsweep", *package.split(".")]
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def named(dotted: str) -> list[str]:
    """The module of this package that a dotted name is, if it is one."""
    head, _, rest = dotted.partition(".")
    return [rest] if head == "litsweep" and rest in MODULES else []


IMPORTS = {name: set(imported(name)) - {name} for name in MODULES}


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] in MAY_IMPORT])
def test_a_module_imports_only_what_stands_before_it(name: str) -> None:
    package = name.split(".")[0]
    outside = {other for other in IMPORTS[name] if other.split(".")[0] != package}
    assert {other.split(".")[0] for other in outside} <= MAY_IMPORT[package], sorted(outside)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(IMPORTS) is None


def circle(imports: dict[str, set[str]]) -> list[str] | None:
    """One cycle of the graph, if there is any: what is left when leaves are taken away again and again."""
    left = {name: set(others) for name, others in imports.items()}
    while leaves := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others - leaves for name, others in left.items() if name not in leaves}
    if not left:
        return None
    path = [min(left)]
    while (step := min(left[path[-1]] & left.keys())) not in path:
        path.append(step)
    return [*path[path.index(step) :], step]


def test_the_check_sees_function_level_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    late = tmp_path / "late.py"
    late.write_text("def f():\n    from litsweep.server import app\n    from ..search import grid\n")
    monkeypatch.setitem(MODULES, "sweep.late", late)
    assert set(imported("sweep.late")) >= {"search.grid"}


def test_the_check_sees_circles() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b"}, "b": set()}) is None

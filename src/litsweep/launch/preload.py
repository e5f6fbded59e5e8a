"""The imports of a program that can be made before it runs.

A package may read the environment while it is imported (KERAS_BACKEND, HF_HOME, OMP_NUM_THREADS), and also
`sys.path`, the working directory or the random state. Therefore an import is made early only if no code
before it could change these. Definitions and assignments of constants may precede it, calls may not.
"""

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, NoReturn

_PIPELINE_MAIN = "litsweep.pipeline.main"
# What `main` needs. These are names only: the launcher must not import the pipeline.
_PIPELINE_PARTS = ("litsweep.pipeline.experiment", "litsweep.pipeline.early")
_EXITS = ("sys.exit", "builtins.SystemExit", "builtins.exit")
# Calls that cannot change what a later import does: functions, classes and whole modules.
_INERT = (
    *("abc", "collections", "dataclasses", "enum", "typing", "logging.getLogger", "re.compile"),
    *("functools.cache", "functools.cached_property", "functools.lru_cache", "functools.partial"),
    *("functools.total_ordering", "functools.wraps", "builtins.classmethod", "builtins.dict"),
    *("builtins.float", "builtins.frozenset", "builtins.int", "builtins.len", "builtins.list"),
    *("builtins.object", "builtins.property", "builtins.range", "builtins.set", "builtins.staticmethod"),
    *("builtins.str", "builtins.tuple"),
)
_PATH = "pathlib.Path"
_PATH_CALLS = {_PATH, *(f"{_PATH}.{name}" for name in ("absolute", "cwd", "expanduser", "home", "resolve"))}


class Import(NamedTuple):
    """`import module`, or `from module import names`.

    Imports of one `try` share an `attempt` (0: no `try`). If one is not installed, the rest are skipped.
    """

    module: str
    names: tuple[str, ...] = ()
    attempt: int = 0


@dataclass
class Plan:
    """The imports to make early, in order. After `end` (`FILE:LINE`) the program makes its own imports."""

    imports: list[Import] = field(default_factory=list)
    end: str = ""


def path_of_program(program: Path) -> list[str]:
    """Return the `sys.path` of a new process that runs `program`."""
    if sys.flags.safe_path:
        return list(sys.path)
    return [str(program.resolve().parent), *sys.path[1:]]


def plan(program: Path) -> Plan:
    """Read `program` and the local modules that it imports, up to the first code that may have effects.

    Raises OSError if a file cannot be read. A program with a syntax error has no imports.
    """
    made = Plan()
    try:
        _File(made, path_of_program(program), set(), program, package="", is_main=True).read()
    except _StopError as effect:
        made.end = str(effect)
    return made


def replaced_modules(program: Path) -> list[str]:
    """Return the loaded top-level modules that a new process would import from another file."""
    path = path_of_program(program)
    found = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if "." in name or spec is None or spec.name != name or not spec.has_location:
            continue
        there = PathFinder.find_spec(name, path)
        if there and there.has_location and there.origin != spec.origin:
            found.append(name)
    return found


class _StopError(Exception):
    """Found code that may have effects. The message is its place, or empty for the pipeline's `main`."""


def _find(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """Find a top-level module as an import does, the finders of editable installs included."""
    for finder in (BuiltinImporter, FrozenImporter):
        if spec := finder.find_spec(name):
            return spec
    try:
        return PathFinder.find_spec(name, path) or find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _is_local(spec: ModuleSpec | None) -> bool:
    """Return True for a module that is not installed: a user may edit it between two runs."""
    if spec is None or not (spec.has_location or spec.submodule_search_locations):
        return False
    places = spec.submodule_search_locations or [spec.origin or ""]
    library = Path(ast.__file__).parent
    return any(
        not {"site-packages", "dist-packages"} & set(Path(place).parts) and library not in Path(place).parents
        for place in places
    )


@dataclass
class _File:
    """One file of the program. `names` maps its names to what they refer to, such as `logging.getLogger`.

    `made` is the plan so far, `path` the program's `sys.path`, `seen` has the local modules that were read.
    """

    made: Plan
    path: list[str]
    seen: set[str]
    file: Path
    package: str
    is_main: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def read(self) -> None:
        try:
            statements = ast.parse(self.file.read_bytes()).body
        except (SyntaxError, ValueError):
            raise _StopError(f"{self.file.name}:1") from None
        self._run(statements)

    def _stop(self, node: ast.stmt) -> NoReturn:
        raise _StopError(f"{self.file.name}:{node.lineno}")

    def _run(self, statements: Iterable[ast.stmt], attempt: int = 0) -> None:
        for node in statements:
            self._statement(node, attempt)

    def _statement(self, node: ast.stmt, attempt: int) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    self._import(node, alias.name, (), attempt)
                    top = alias.name.partition(".")[0]
                    self.names |= {alias.asname: alias.name} if alias.asname else {top: top}
            case ast.ImportFrom():
                self._import_from(node, attempt)
            case ast.If():
                self._branch(node, attempt)
            case ast.Try():
                self._try(node, attempt)
            case ast.ClassDef():
                self._class(node, attempt)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._require(node, [node.args, *filter(None, [node.returns])], node.decorator_list)
                self.names[node.name] = ""
            case ast.Expr() | ast.Assign() | ast.AnnAssign() | ast.Raise() | ast.Pass() | ast.Global():
                self._assign(node)
            case ast.AugAssign(target=ast.Name(id="__all__")):
                self._require(node, [node.value])
            case _:
                self._stop(node)

    def _class(self, node: ast.ClassDef, attempt: int) -> None:
        self._require(node, [*node.bases, *node.keywords], node.decorator_list)
        outside = dict(self.names)
        self._run(node.body, attempt)
        self.names = outside | {node.name: ""}

    def _assign(self, node: ast.stmt) -> None:
        targets = [part for part in ast.walk(node) if isinstance(getattr(part, "ctx", None), ast.Store)]
        if self._calls_pipeline(node):
            self.made.imports += [Import(part, attempt=node.lineno) for part in _PIPELINE_PARTS]
            raise _StopError
        if not all(isinstance(target, ast.Name | ast.Tuple | ast.List | ast.Starred) for target in targets):
            self._stop(node)
        self._require(node, [node])
        self.names |= {target.id: "" for target in targets if isinstance(target, ast.Name)}

    def _calls_pipeline(self, node: ast.stmt) -> bool:
        called = [self._meaning(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)]
        return _PIPELINE_MAIN in called and all(
            name == _PIPELINE_MAIN or name in _EXITS or _is_inert(name) for name in called
        )

    def _require(
        self, node: ast.stmt, evaluated: Iterable[ast.AST], decorators: Sequence[ast.expr] = ()
    ) -> None:
        """Stop unless these expressions call only inert functions."""
        called = [
            part.func if isinstance(part, ast.Call) else part
            for expression in [*evaluated, *decorators]
            for part in ast.walk(expression)
            if isinstance(part, ast.Call | ast.Await | ast.Yield | ast.YieldFrom)
        ]
        plain = [decorator for decorator in decorators if not isinstance(decorator, ast.Call)]
        if not all(_is_inert(self._meaning(function)) for function in [*called, *plain]):
            self._stop(node)

    def _meaning(self, node: ast.AST) -> str:
        match node:
            case ast.Name():
                return self.names.get(node.id, f"builtins.{node.id}")
            case ast.Attribute():
                value = self._meaning(node.value)
                return _PATH if (value, node.attr) == (_PATH, "parent") else f"{value}.{node.attr}"
            case ast.Call() if self._meaning(node.func) in _PATH_CALLS:  # Path(__file__).resolve()
                return _PATH
        return ""

    def _branch(self, node: ast.If, attempt: int) -> None:
        match node.test:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                self._run(node.orelse, attempt)
            case ast.Compare() as test if ast.unparse(test) == "__name__ == '__main__'":
                self._run(node.body if self.is_main else node.orelse, attempt)
            case _:
                self._stop(node)

    def _try(self, node: ast.Try, attempt: int) -> None:
        """Read a `try`. If a handler may have effects, a failed import in the body ends the early imports."""
        handled = [statement for handler in node.handlers for statement in handler.body]
        is_harmless = bool(node.handlers) and all(map(_is_harmless, handled))
        self._run(node.body, node.lineno if is_harmless else attempt)
        for statement in handled if is_harmless else ():
            self.names |= {part.id: "" for part in ast.walk(statement) if isinstance(part, ast.Name)}
        self._run([*node.orelse, *node.finalbody], attempt)

    def _import_from(self, node: ast.ImportFrom, attempt: int) -> None:
        module = node.module or ""
        if node.level:
            try:
                module = resolve_name("." * node.level + module, self.package)
            except ImportError:
                self._stop(node)
        if module != "__future__":
            self._import(node, module, tuple(alias.name for alias in node.names), attempt)
        self.names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}

    def _import(self, node: ast.stmt, module: str, names: tuple[str, ...], attempt: int) -> None:
        top = module.partition(".")[0]
        if top == "litsweep" or not _is_local(spec := _find(top, self.path)):
            self.made.imports.append(Import(module, names, attempt))
            return
        within: Sequence[str] | None = None
        for name in accumulate(module.split("."), "{}.{}".format):
            within = self._enter(node, spec if name == top else PathFinder.find_spec(name, within))
        for name in names if within else ():
            if spec := PathFinder.find_spec(f"{module}.{name}", within):
                self._enter(node, spec)

    def _enter(self, node: ast.stmt, spec: ModuleSpec | None) -> Sequence[str] | None:
        """Read a local module as an import would run it. Return the places of its submodules."""
        if spec is None:
            self._stop(node)
        if spec.name not in self.seen and spec.has_location:
            self.seen.add(spec.name)
            file = Path(spec.origin or "")
            if file.suffix != ".py":
                self._stop(node)
            _File(self.made, self.path, self.seen, file, spec.parent or "").read()
        return spec.submodule_search_locations


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise | ast.Pass):
        return True
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)


def _is_inert(name: str) -> bool:
    return name in _PATH_CALLS or any(name == inert or name.startswith(f"{inert}.") for inert in _INERT)

"""The documents are true: their links, file names, code names, commands, flags and examples exist."""

import argparse
import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from wandb.cli.cli import cli as wandb_cli

from litsweep import Controller, parse_sweep
from litsweep.cli.commands import build_parser
from litsweep.pipeline.arguments import hints_of, make_parser
from litsweep.search.searcher import SEARCHERS
from litsweep.sweep.config import Method
from litsweep.sweep.early_termination import RULES
from tests.test_import_order import MAY_IMPORT, MODULES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/litsweep"
ARCHITECTURE = ROOT / "docs/architecture.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "benchmarks/README.md"]
TEXTS = ("src/**/*.py", "tests/**/*.py", "benchmarks/*.py", "sweeps/*.yaml", "docs/*.md", "*.md", "Makefile")
FOREIGN_FLAGS = frozenset({"--requeue"})
"""Flags of other programs that the pages mention alone."""

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w=-])--[a-zA-Z](?:[\w.-]*\w)?")
FILE = re.compile(r"[\w./-]+(?:/|\.(?:py|js|html|md|yaml))")
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")

SPACE: dict[str, Any] = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", page.read_text())


def spans(text: str) -> list[str]:
    """Everything in code font."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


# --- Links ---


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if "://" not in target and (not there.exists() or (anchor and anchor not in anchors(there))):
            broken.append(target)
    assert broken == []


def test_every_document_that_a_text_mentions_is_in_the_repository() -> None:
    missing = []
    for path in sorted(path for pattern in TEXTS for path in ROOT.glob(pattern)):
        for document in re.findall(r"(?<![\w/.*<])[\w./-]+\.md\b", path.read_text()):
            if not any((folder / document).exists() for folder in (ROOT, path.parent, ROOT / "docs")):
                missing.append(f"{relative(path)}: {document}")
    assert missing == []


# --- Commands ---


def commands(page: Path) -> list[str]:
    """The commands on a page: the lines of its plain code blocks without comments, and its code font."""
    blocks = [block for _, language, block in FENCE.findall(page.read_text()) if not language]
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    parts = (re.split(r"&&|[|;()\"]", line) for line in lines + spans(prose(page)))
    return [command.strip() for found in parts for command in found]


@cache
def flags_of_litsweep() -> dict[str, frozenset[str]]:
    """The flags of each command."""
    (found,) = (each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction))
    return {
        name: frozenset(option for action in parser._actions for option in action.option_strings)
        for name, parser in found.choices.items()
    }


@cache
def flags_of_agent() -> frozenset[str]:
    return frozenset({"--help"} | {f"--{name}" for name in hints_of(make_parser({}))})


def flags_of_wandb(command: str) -> frozenset[str]:
    return frozenset(option for each in wandb_cli.commands[command].params for option in each.opts)


def flags_of_script(script: str) -> frozenset[str]:
    return frozenset(FLAG.findall((ROOT / script).read_text()))


def known_flags(command: str) -> frozenset[str] | None:
    """The flags of the program that a command runs; None if it is not a command of ours or of W&B."""
    match command.split():
        case ["litsweep", name, *_] if name.isalpha() and name.islower():
            return flags_of_litsweep()[name]
        case ["wandb", name, *_] if name in wandb_cli.commands:
            return flags_of_wandb(name)
        case ["python", "agent.py", *_]:
            return flags_of_agent()
        case ["python", script, *_] if script.startswith("benchmarks/"):
            return flags_of_script(script)
        case [flag, *_] if flag.startswith("--"):
            scripts = map(relative, ROOT.glob("benchmarks/*.py"))
            ours = frozenset().union(*flags_of_litsweep().values(), flags_of_agent(), FOREIGN_FLAGS)
            return ours.union(*map(flags_of_script, scripts))
    return None


def is_known(flag: str, known: frozenset[str]) -> bool:
    """True also for a group of flags (`--model.*`), and for the flag of a module of one's own."""
    return flag in known or any(name.startswith(f"{flag}.") for name in known) or flag == "--model.hidden"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_and_flags_exist(page: Path) -> None:
    wrong = []
    for command in commands(page):
        try:
            known = known_flags(command)
        except (KeyError, FileNotFoundError):
            wrong.append(command)
            continue
        if known is not None:
            wrong += [f"{command}: {flag}" for flag in FLAG.findall(command) if not is_known(flag, known)]
    assert wrong == []


# --- Names ---


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_dotted_names_and_imports_exist(page: Path) -> None:
    text = page.read_text()
    names = [span for span in spans(prose(page)) if re.fullmatch(r"litsweep(\.\w+)+", span)]
    for module, imported in re.findall(r"^ *from (litsweep[\w.]*) import (.+)$", text, re.MULTILINE):
        names += [f"{module}.{name}" for name in imported.split(", ")]
    for name in names:
        resolve_name(name)


# --- Architecture ---


def blocks() -> Iterator[list[str]]:
    """The code font of each paragraph, list item and table row of the architecture page."""
    for block in re.split(r"\n\s*\n|\n(?=[|*]|\d+\. )", prose(ARCHITECTURE)):
        yield spans(block)


def place(name: str) -> Path:
    """The file that a name on the architecture page stands for; it need not exist."""
    return next((base / name for base in (SOURCE, ROOT) if (base / name).exists()), SOURCE / name)


@cache
def defined(path: Path) -> frozenset[str]:
    """The names that a file defines; members of a Python class as `Class.name`."""
    if path.suffix == ".js":
        return frozenset(re.findall(r"export (?:function|const) (\w+)", path.read_text()))
    return frozenset(members(ast.parse(path.read_text()).body, ""))


def members(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from members(node.body, f"{prefix}{name}.")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
            case ast.Assign(targets=targets):
                yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def test_the_files_of_the_architecture_exist() -> None:
    files = [span for found in blocks() for span in found if FILE.fullmatch(span)]
    assert [name for name in files if not place(name).exists()] == []
    assert len(files) > 50


def test_the_names_of_the_architecture_exist() -> None:
    everywhere = frozenset(MODULES).union(*map(defined, MODULES.values()))
    everywhere |= {name.rpartition(".")[2] for name in everywhere}
    missing, names = [], 0
    for found in blocks():
        files = [place(span) for span in found if span.endswith((".py", ".js"))]
        pool = frozenset().union(*map(defined, filter(Path.exists, files))) if files else everywhere
        wanted = [span for span in found if NAME.fullmatch(span) and not FILE.fullmatch(span)]
        missing += [name for name in wanted if name not in pool]
        names += len(wanted)
    assert missing == []
    assert names > 50


def test_the_packages_of_the_architecture_are_those_of_the_import_order() -> None:
    section = prose(ARCHITECTURE).partition("\n## Packages\n")[2]
    rows = re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", section, re.MULTILINE)
    assert {name: set(spans(may)) for name, may in rows if "all packages" not in may} == MAY_IMPORT


def example(heading: str) -> dict[str, Any]:
    """Run the Python code below a heading of the architecture page. Returns the names that it defines."""
    section = ARCHITECTURE.read_text().partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    names: dict[str, Any] = {"__name__": "litsweep.example"}
    for indent, language, code in FENCE.findall(section):
        if language == "python":
            text = "\n".join(line.removeprefix(indent) for line in code.splitlines())
            exec(compile(text, relative(ARCHITECTURE), "exec"), names)
    return names


def test_the_example_of_a_data_set(tmp_path: Path) -> None:
    (source,) = example("A data set")["SOURCES"]
    source.prepare(tmp_path)
    assert len(source.load(tmp_path).train) == 100


def test_the_example_of_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (*RULES, example("An early-termination rule")["Limit"])
    monkeypatch.setattr("litsweep.sweep.parse.top.RULES", rules)
    litsweep = {"early_terminate": {"type": "limit", "limit": 0.5}}
    search = Controller(parse_sweep({**SPACE, "metric": {"name": "loss"}, "litsweep": litsweep}))
    bad, _ = (search.add({"x": 0.1}, [{"loss": loss}], "running") for loss in (0.75, 0.25))
    assert search.runs_to_stop() == [bad]


def test_the_example_of_a_search_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SEARCHERS, Method.RANDOM, example("A search method")["HalvingSearch"])
    suggestions = Controller(parse_sweep(SPACE)).ask(3)
    assert [suggestion.parameters["x"] for suggestion in suggestions] == [0.5, 0.25, 0.125]


def test_the_example_of_a_launcher() -> None:
    launcher = example("A launcher")["LAUNCHER"]
    assert launcher.name == "ssh"
    assert [flag.name for flag in launcher.flags] == ["--host"]


def test_the_example_of_a_chart() -> None:
    assert "durations" in example("A chart")

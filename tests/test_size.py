"""Functions and files stay small enough to read at once."""

import ast
from pathlib import Path

import pytest

import litsweep.errors

ROOT = Path(litsweep.errors.__file__).parent
LONGEST_FUNCTION, LONGEST_FILE = 40, 350
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_and_no_function_is_long(path: Path) -> None:
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, FUNCTIONS)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
    assert text.count("\n") <= LONGEST_FILE

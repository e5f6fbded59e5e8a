"""Charts as Python functions: every chart of every kind of sweep, options, themes, names and errors."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from litsweep import figures
from litsweep.errors import LitsweepError
from litsweep.figures.charts import CHARTS, Chart, Option
from litsweep.figures.options import option_values
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import DARK, LIGHT
from tests.figures.sweeps import CONDITIONAL, ONE, TWO, every_kind, make

KINDS = dict(every_kind())
ROOT = Path(figures.__file__).parents[1]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_of_every_kind_of_sweep(name: str) -> None:
    draw, drawn = getattr(figures, name), 0
    for sweep in KINDS.values():
        try:
            figure = draw(sweep)
        except LitsweepError as error:
            assert CHARTS[name].missing in str(error)
            continue
        assert isinstance(figure, go.Figure)
        assert 'color":"role:' not in figure.to_json()
        drawn += 1
    assert drawn > 0


@pytest.mark.parametrize("name", CHARTS)
def test_every_choice_of_every_option(name: str) -> None:
    for sweep in (make(12, ONE | CONDITIONAL), make(12, TWO)):
        if not CHARTS[name].applies(sweep):
            continue
        for option in CHARTS[name].options:
            for choice in list(option.choices(sweep))[:8]:
                value = [choice] if option.is_list else choice
                assert isinstance(getattr(figures, name)(sweep, **{option.name: value}), go.Figure)


def test_a_figure_has_a_title_and_the_colours_of_its_theme() -> None:
    sweep = KINDS["conditional parameters"]
    light, dark = figures.best(sweep), figures.best(sweep, theme="dark")
    assert light.layout.title.text == CHARTS["best"].title
    assert (light.layout.paper_bgcolor, dark.layout.paper_bgcolor) == (LIGHT["raised"], DARK["raised"])
    assert LIGHT["accent"] in light.to_json() and DARK["accent"] in dark.to_json()


def test_names_are_listed_and_documented() -> None:
    assert {*CHARTS, "read_sweep"} == set(dir(figures)) == set(figures.__all__)
    assert CHARTS.keys() <= figures.__annotations__.keys(), "type checkers need a declaration of each chart"
    for name, chart in CHARTS.items():
        function = getattr(figures, name)
        known = list(inspect.signature(function).parameters)
        assert known == ["sweep", "theme", *(option.name for option in chart.options)]
        assert all(option.title in (inspect.getdoc(function) or "") for option in chart.options)


def test_modules_are_not_imported_by_the_name_of_a_chart() -> None:
    """`from litsweep.figures import best` is the function of the chart, also where a module is meant."""
    wrong = [
        f"{path.relative_to(ROOT)}: {alias.name}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "litsweep.figures"
        for alias in node.names
        if alias.name in CHARTS and path.name != "charts.py"  # which the package imports first
    ]
    assert wrong == [], "write `from litsweep.figures.best import ...`"


def test_no_module_replaces_the_function_of_a_chart() -> None:
    """A module that is imported late would replace a function of its name."""
    code = """
import importlib, pkgutil, sys
from litsweep import figures
from litsweep.figures.charts import CHARTS
heavy = {"torch", "sklearn", "pandas", "numpy", "plotly.graph_objects", "wandb", "jinja2"} & set(sys.modules)
assert not heavy, heavy
for module in pkgutil.iter_modules(figures.__path__):
    importlib.import_module(f"litsweep.figures.{module.name}")
wrong = [name for name in CHARTS if not callable(getattr(figures, name))]
assert not wrong, wrong
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


LIST = Option("keys", "Keys", lambda sweep: ["a", "b"], is_list=True)
WEIGHT = Option("weight", "Weight", lambda sweep: ["0.5", "true"])
CHART = Chart("x", "X", lambda sweep, **options: {}, options=(LIST, WEIGHT))


@pytest.mark.parametrize(
    ("chosen", "given"),
    [
        ({"keys": ["a", "b"]}, {"keys": ["a", "b"]}),
        ({"keys": ("b",)}, {"keys": ["b"]}),
        ({"keys": "a"}, {"keys": ["a"]}),
        ({"weight": 0.5, "keys": None}, {"weight": "0.5"}),
        ({"weight": True}, {"weight": "true"}),
    ],
)
def test_values_of_options(chosen: dict[str, Any], given: dict[str, Any]) -> None:
    assert option_values(CHART, KINDS["one run"], chosen) == given


@pytest.mark.parametrize(
    ("chosen", "kind", "message"),
    [
        ({"key": "a"}, TypeError, "there is no option key; its options are keys, weight"),
        ({"keys": ["a", "c"]}, ValueError, "keys: must be one of a, b, got 'c'"),
        ({"weight": ["0.5"]}, ValueError, "weight: must be one value, got ['0.5']"),
        ({"weight": 3}, ValueError, "weight: must be one of 0.5, true, got '3'"),
    ],
)
def test_wrong_options(chosen: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        option_values(CHART, KINDS["one run"], chosen)
    assert message in str(caught.value)


def test_wrong_arguments() -> None:
    sweep: Any = KINDS["one run"]
    with pytest.raises(ValueError, match="theme: must be light or dark, got 'blue'"):
        figures.best(sweep, theme="blue")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"sweep: must be a Controller, a path .* got 3"):
        figures.best(3)  # type: ignore[arg-type]
    with pytest.raises(LitsweepError, match="chart best of sweep"):
        figures.best(KINDS["no runs"])
    with pytest.raises(AttributeError):
        figures.no_such_chart(sweep)  # type: ignore[attr-defined]


def test_what_was_read_is_drawn_again() -> None:
    sweep = make(3, ONE)
    assert isinstance(sweep, SweepData)
    assert figures.read_sweep(sweep) is sweep

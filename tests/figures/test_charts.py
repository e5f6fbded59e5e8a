"""All charts of the registry: every option, hostile texts, empty sweeps, sizes."""

import json
from typing import Any

import pytest

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.sweep_data import Curve, RunData, SweepData
from litsweep.figures.theme import DARK, painted
from tests.figures.conftest import run_data, sweep_data

TWO_METRICS = """
method: random
metrics: [{name: "<b>acc</b>", goal: maximize}, {name: loss, goal: minimize}]
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  "<i>opt</i>": {values: ["<script>", adam, null]}
"""
EXACT = [chart for chart in CHARTS.values() if not chart.needs_model]


def run(i: int) -> RunData:
    acc = [float("nan"), i / 10, float("inf")] if i % 3 else [0.5]
    times = [1_000.0 + 60 * i + k for k in range(len(acc))]
    curve = Curve(range(len(acc)), acc, times, {"<u>epoch</u>": [float(k) for k in range(len(acc))]})
    return run_data(
        f"r{i}",
        acc,
        title="<b>bold</b>",
        parameters={"lr": 0.001 * (i + 1), "<i>opt</i>": ["<script>", "adam", None][i % 3]},
        config={"<s>key</s>": "<em>", "seed": i, "list": [i, {}]},
        summary={"<q>": 1.0, "big": 10.0**300},
        state="failed" if i == 2 else "finished",
        is_broken=i == 2,
        bests=[i / 10 if i else None, -1.0 * i],
        curves=[curve, Curve()],
        created=1_000.0 + 60 * i,
        started=1_000.0 + 60 * i,
        ended=1_050.0 + 60 * i,
        agent="<agent>",
    )


@pytest.fixture(scope="module")
def hostile() -> SweepData:
    return sweep_data(*map(run, range(8)), config=TWO_METRICS)


def texts(figure: Any, is_label: bool = False) -> list[str]:
    """Return all texts that Plotly reads as HTML."""
    if isinstance(figure, dict):
        return [
            text
            for key, value in figure.items()
            if key not in ("meta", "customdata")
            for text in texts(value)
        ]
    if isinstance(figure, list):
        return [text for value in figure for text in texts(value)]
    return [figure] if isinstance(figure, str) else []


@pytest.mark.parametrize("chart", EXACT, ids=lambda chart: chart.name)
def test_every_option_makes_a_valid_safe_figure(chart: Chart, hostile: SweepData) -> None:
    assert chart.applies(hostile)
    for option in chart.options:
        for choice in option.choices(hostile):
            figure = chart.build(hostile, **{option.name: [choice] if option.is_list else choice})
            json.dumps(figure, allow_nan=False)
            assert "role:" not in json.dumps(painted(figure, DARK))
            for text in texts(figure):
                rest = text.replace("<br>", "").replace("<extra></extra>", "").replace("<extra>%{", "")
                assert "<" not in rest.replace("}</extra>", ""), text


@pytest.mark.parametrize("chart", EXACT, ids=lambda chart: chart.name)
def test_a_chart_of_a_sweep_without_runs_tells_what_is_missing(chart: Chart) -> None:
    empty = sweep_data()
    assert not chart.applies(empty)
    assert chart.missing
    for option in chart.options:
        option.choices(empty)


@pytest.mark.parametrize("chart", EXACT, ids=lambda chart: chart.name)
def test_a_chart_has_a_sentence_for_screen_readers(chart: Chart, hostile: SweepData) -> None:
    label = chart.build(hostile)["layout"]["meta"]["label"]
    assert label[0].isupper()
    assert len(label.split()) > 3


def test_a_sweep_without_a_metric_has_the_charts_that_need_none() -> None:
    config = "method: random\nparameters: {lr: {min: 0.0, max: 1.0}}"
    sweep = sweep_data(run_data("a", [], started=1.0, ended=2.0), config=config)
    assert [chart.name for chart in EXACT if chart.applies(sweep)] == ["timeline"]

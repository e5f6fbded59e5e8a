"""The charts of one run."""

import math

import pytest

from litsweep.figures.run_charts import (
    MAX_POINTS,
    Axis,
    Histogram,
    LoggedLine,
    Look,
    histogram_chart,
    histograms_chart,
    metric_chart,
)

STEP = Axis("step")


def line(values: list[float]) -> LoggedLine:
    return LoggedLine("", range(len(values)), values)


@pytest.mark.parametrize("value", [0.1, 0.0, -3.0, 1e-12, 5e9])
def test_a_constant_metric_is_drawn_at_its_value(value: float) -> None:
    noise = value * (1 + 2e-16)
    figure = metric_chart("same", [line([value, noise, value])], STEP)
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < value < high and high - low >= 0.5 * abs(value) and high - low > 0


def test_a_constant_metric_has_a_logarithmic_axis() -> None:
    axis = metric_chart("same", [line([100.0, 100.0])], STEP, Look(is_log=True))["layout"]["yaxis"]
    assert (axis["type"], axis["range"]) == ("log", [1.5, 2.5])


def test_values_of_zero_are_named_when_a_logarithmic_axis_hides_them() -> None:
    figure = metric_chart("m", [line([0.0, -1.0, 1.0, 10.0])], STEP, Look(is_log=True))
    assert "2 values of 0 or less" in figure["layout"]["meta"]["note"]


def test_a_long_line_keeps_its_extremes() -> None:
    values = [0.5] * 20_000
    values[12_345] = 9.0
    figure = metric_chart("m", [line(values)], STEP)
    (trace,) = figure["data"]
    assert len(trace["x"]) <= MAX_POINTS + 2 and (12_345, 9.0) in zip(trace["x"], trace["y"], strict=True)
    assert "of 20000 points" in figure["layout"]["meta"]["note"]


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    (trace,) = metric_chart("m", [line([1.0, math.nan, math.inf, 2.0])], STEP)["data"]
    assert trace["y"] == [1.0, None, None, 2.0]


def test_a_smoothed_line_is_drawn_over_the_logged_values() -> None:
    raw, smooth = metric_chart("m", [line([0.0, 1.0])], STEP, Look(smoothing=0.5))["data"]
    assert raw["y"] == [0.0, 1.0] and raw["opacity"] < 1 and smooth["y"][1] == pytest.approx(2 / 3, rel=1e-5)


@pytest.mark.parametrize(("most", "unit", "end"), [(90.0, "s", 90), (600.0, "min", 10), (7200.0, "h", 2)])
def test_a_duration_has_a_readable_unit(most: float, unit: str, end: float) -> None:
    shown = LoggedLine("", [0.0, most], [1.0, 2.0])
    figure = metric_chart("m", [shown], Axis("time", "duration", most))
    assert figure["layout"]["xaxis"]["title"]["text"] == f"time ({unit})"
    assert figure["data"][0]["x"] == [0.0, end] and figure["layout"]["xaxis"]["range"] == [0, end]


def test_a_date_is_a_text_that_plotly_reads() -> None:
    figure = metric_chart("m", [LoggedLine("", [0.0], [1.0])], Axis("time", "date"))
    assert figure["data"][0]["x"] == ["1970-01-01 00:00:00.000000"]


def test_large_steps_are_exact() -> None:
    (trace,) = metric_chart("m", [LoggedLine("", [12_345_678.0], [1.0])], STEP)["data"]
    assert trace["x"] == [12_345_678]


def test_names_cannot_be_markup() -> None:
    lines = [LoggedLine(name, [0.0], [1.0]) for name in ("<b>0", "1")]
    figure = metric_chart("m", lines, STEP)
    assert [trace["name"] for trace in figure["data"]] == ["&lt;b>0", "1"]
    assert figure["layout"]["showlegend"]


def test_histograms_of_different_bins_share_an_axis() -> None:
    first, second = Histogram([0.0, 1.0, 2.0], [1, 1]), Histogram([2.0, 4.0], [5])
    figure = histograms_chart("w", [0, 1], [first, second])
    (heat,) = figure["data"]
    columns = list(zip(*heat["z"], strict=True))
    assert [sum(column) for column in columns] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert max(i for i, share in enumerate(columns[0]) if share) <= len(heat["y"]) / 2
    assert histograms_chart("w", list(range(500)), [first] * 500)["layout"]["meta"]["note"]


def test_a_histogram_of_one_value() -> None:
    figure = histograms_chart("w", [0, 1], [Histogram([1.0, 1.0], [4])] * 2)
    assert sum(row[0] for row in figure["data"][0]["z"]) == pytest.approx(1.0)
    assert histogram_chart("w", Histogram([0.0, 1.0], [4]))["data"][0]["y"] == [4]

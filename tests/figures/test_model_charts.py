"""Charts of the search's model: importance, slices and contours."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from litsweep.figures import posterior
from litsweep.figures.charts import CHARTS
from litsweep.figures.contours import contours
from litsweep.figures.figure import Figure
from litsweep.figures.importance import importance
from litsweep.figures.posterior import fitted_model
from litsweep.figures.slices import slices
from litsweep.figures.sweep_data import SweepData
from litsweep.sweep.metric import Metric
from litsweep.sweep.run import Run
from tests.figures.model_sweeps import SPACE, TWO_METRICS, accuracy, swept

FREE = ["batch", "layers", "lr", "momentum", "optimizer"]
SWEEP = swept()


def note(figure: Figure) -> str:
    return str(figure["layout"]["meta"]["note"])


def bars(figure: Figure) -> dict[str, tuple[float, float]]:
    """The importance of each parameter, and the part of it without interactions."""
    total, alone = figure["data"][:2]
    return {name: (a, b) for name, a, b in zip(total["y"], total["x"], alone["x"], strict=True)}


def correlations(figure: Figure) -> dict[str, tuple[Any, Any, str]]:
    """The linear and the rank correlation of each parameter, and of what they are."""
    linear, rank = (trace for trace in figure["data"] if trace.get("xaxis") == "x2")
    rows = zip(linear["y"], linear["x"], rank["x"], linear["text"], strict=True)
    return {name: (a, b, of) for name, a, b, of in rows}


def panels(figure: Figure) -> dict[str, list[dict[str, Any]]]:
    """The traces of each parameter."""
    titles = {
        key.replace("axis", ""): value["title"]["text"]
        for key, value in figure["layout"].items()
        if key.startswith("xaxis")
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in titles.values()}
    for trace in figure["data"]:
        found[titles[trace.get("xaxis", "x")]].append(trace)
    return found


def points(traces: list[dict[str, Any]]) -> dict[str, Any]:
    return next(trace for trace in traces if "customdata" in trace)


def test_importance_with_intervals_beside_correlations() -> None:
    figure = importance(SWEEP)
    total, alone, interval, *_ = figure["data"]
    assert total["y"][-1] == "lr" and set(total["y"]) == set(FREE)
    assert all(0 <= b <= a for a, b in bars(figure).values())
    assert bars(figure)["lr"][0] > 0.4 > 0.1 > bars(figure)["batch"][0]
    assert min(interval["error_x"]["array"]) >= 0 and max(interval["error_x"]["arrayminus"]) > 0
    assert alone["text"] == total["text"] and "to" in total["text"][0]
    found = correlations(figure)
    assert found["optimizer"][2] == "optimizer = sgd" and found["optimizer"][0] < 0
    for text in ("40 of 40 runs", "Sobol", "as in W&B"):
        assert text in note(figure)
    assert "lr" in figure["layout"]["meta"]["label"]


def test_the_correlations_are_those_of_pearson_and_spearman() -> None:
    found = correlations(importance(swept(function=lambda p: p["lr"] ** 3)))
    linear, rank, of = found["lr"]
    assert rank == pytest.approx(1.0) and 0.7 < linear < 0.99 and of == "lr"
    assert found["layers"][0] == pytest.approx(0.0, abs=0.5)


def test_a_constant_metric_has_no_correlation() -> None:
    found = correlations(importance(swept(function=lambda p: 0.5)))
    assert all(linear is None and rank is None for linear, rank, _ in found.values())


def test_importance_for_a_number_of_the_summary() -> None:
    assert list(CHARTS["importance"].options[0].choices(SWEEP)) == ["acc", "test"]
    found = bars(importance(SWEEP, metric="test"))
    assert max(found, key=lambda name: found[name]) == "lr" and found["lr"][0] > 0.8


def test_failed_runs_are_named_and_not_observed() -> None:
    figure = importance(swept(function=lambda p: None if p["lr"] > 0.03 else accuracy(p)))
    failed = 40 - len([run for run in SWEEP.runs if float(str(run.parameters["lr"])) <= 0.03])
    assert f"{40 - failed} of 40 runs" in note(figure) and f"{failed} failed runs" in note(figure)


def test_few_runs_have_no_importance() -> None:
    chart = CHARTS["importance"]
    few = swept(9)
    assert not chart.applies(few) and chart.applies(swept(10)) and "10 runs" in chart.missing
    assert "9 runs with a value of acc so far" in note(chart.build(few)) and chart.build(few)["data"] == []
    constant = "method: random\nmetric: {name: acc, goal: maximize}\nparameters: {lr: {value: 0.1}}"
    assert not chart.applies(swept(1, constant, lambda p: 1.0))


def test_slices_have_the_runs_the_mean_the_band_and_the_optimum() -> None:
    figure = slices(SWEEP)
    found = panels(figure)
    assert set(found) == set(FREE)
    band, line, star, runs = found["lr"]
    assert len(runs["x"]) == 40 and runs["customdata"][0] == "r0"
    half = len(band["y"]) // 2
    low = band["y"][half:][::-1]
    assert all(a < m < b for a, m, b in zip(low, line["y"], band["y"][:half], strict=True))
    assert star["x"][0] == pytest.approx(0.003, rel=1) and star["y"][0] == pytest.approx(0.96, abs=0.03)
    assert figure["layout"]["xaxis"]["type"] == "log"
    for text in ("40 of 40 runs", "80 % band", "lr = 0.00"):
        assert text in note(figure)


def test_categories_are_points_with_intervals() -> None:
    figure = slices(SWEEP, parameter=["optimizer"])
    (model, star, runs) = panels(figure)["optimizer"]
    assert model["mode"] == "markers" and model["x"] == [0, 1, 2] and len(model["error_y"]["array"]) == 3
    assert model["y"][1] < model["y"][0] and star["x"][0] in (0, 2)
    assert figure["layout"]["xaxis"]["ticktext"] == ["adam", "sgd", "&lt;b>"]
    assert set(runs["x"]) == {0.0, 1.0, 2.0}


def test_a_slice_of_a_conditional_parameter_has_the_runs_that_use_it() -> None:
    figure = slices(SWEEP, parameter=["momentum"])
    traces = panels(figure)["momentum"]
    _, line, runs = traces  # the optimum has no momentum
    using = {run.name for run in SWEEP.runs if "momentum" in run.parameters}
    assert set(runs["customdata"]) == using and 0 < len(using) < 40
    assert line["y"][0] < line["y"][-1] and "lacks a parameter" in note(figure)


def test_runs_that_a_filter_drops_are_faint() -> None:
    sweep = swept(matching=frozenset({"r1"}))
    for traces in (panels(slices(sweep))["lr"], contours(sweep)["data"]):
        runs = points(traces)
        colours = dict(zip(runs["customdata"], runs["marker"]["color"], strict=True))
        assert colours["r1"] == "role:second" and colours["r0"] == "role:line"


def test_broken_runs_with_a_value_are_crosses() -> None:
    runs = [replace(SWEEP.runs[0], is_broken=True, state="failed"), *SWEEP.runs[1:]]
    shown = points(panels(slices(replace(SWEEP, runs=runs)))["lr"])
    assert shown["marker"]["symbol"][:2] == ["x", "circle"]


def test_each_metric_of_a_sweep_has_its_model() -> None:
    sweep = swept(config=TWO_METRICS)
    assert list(CHARTS["slices"].options[0].choices(sweep)) == ["acc", "loss"]
    first, second = (panels(slices(sweep, metric=name))["lr"][2]["y"][0] for name in ("acc", "loss"))
    assert first == pytest.approx(-second, abs=0.02)


def test_contours_of_two_numbers() -> None:
    figure = contours(SWEEP, x="lr", y="layers")
    surface, runs, star = figure["data"]
    assert surface["type"] == "contour" and not surface["reversescale"]
    assert (len(surface["z"]), len(surface["z"][0])) == (len(surface["y"]), len(surface["x"])) == (6, 30)
    assert len(runs["x"]) == 40 and star["y"] == [6]
    assert "adam" in note(figure) or "<b>" in note(figure)


def test_contours_choose_the_most_important_parameters() -> None:
    assert list(CHARTS["contours"].options[1].choices(SWEEP)) == ["most important", *FREE]
    layout = contours(SWEEP)["layout"]
    assert layout["xaxis"]["title"]["text"] == "lr" and layout["yaxis"]["title"]["text"] in FREE
    assert contours(SWEEP, x="batch")["layout"]["yaxis"]["title"]["text"] == "lr"
    assert "two different parameters" in note(contours(SWEEP, x="lr", y="lr"))


def test_contours_leave_places_empty_where_a_parameter_is_inactive() -> None:
    surface, runs = contours(SWEEP, x="momentum", y="optimizer")["data"]
    adam, sgd, other = surface["z"]
    assert set(adam) == set(other) == {None} and None not in sgd
    assert surface["type"] == "heatmap" and set(runs["y"]) == {1.0}


def test_a_metric_to_minimize_is_darkest_where_it_is_low() -> None:
    sweep = swept(config=SPACE.replace("maximize", "minimize"), function=lambda p: -accuracy(p))
    assert contours(sweep)["data"][0]["reversescale"]


def test_a_model_is_fitted_once_for_all_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[object] = []
    original = posterior.engine_runs

    def counted(sweep: SweepData, metric: Metric) -> list[Run]:
        fits.append(metric)
        return original(sweep, metric)

    monkeypatch.setattr(posterior, "engine_runs", counted)
    sweep = swept(12)
    for chart in ("importance", "slices", "contours"):
        CHARTS[chart].build(sweep)
    assert len(fits) == 1


def test_many_runs_use_the_searchs_subset() -> None:
    sweep = swept(1_200)
    assert fitted_model(sweep, sweep.metric).runs_used == 1_000
    figure = slices(sweep)
    assert "1,000 of 1,200 runs" in note(figure) and len(json.dumps(figure)) < 300_000


def test_a_metric_that_no_run_has_is_a_message() -> None:
    assert "could not be fitted" in note(slices(swept(config=TWO_METRICS, function=lambda p: None)))


def test_the_runs_of_the_engine() -> None:
    alive = replace(SWEEP.runs[0], is_alive=True, state="running")
    killed = replace(SWEEP.runs[1], state="killed")
    cut = replace(SWEEP.runs[2], state="stopped early")
    lost = replace(SWEEP.runs[3], state="crashed", is_broken=True, failure="lost")
    odd = replace(SWEEP.runs[4], state="failed", is_broken=True, failure="a text of another program")
    found = posterior.engine_runs(replace(SWEEP, runs=[alive, killed, cut, lost, odd]), Metric("acc"))
    assert [str(run.state) for run in found] == ["running", "killed", "finished", "failed", "failed"]
    assert [run.stopped_early for run in found] == [False, False, True, False, False]
    assert [run.failure for run in found] == [None, None, None, "lost", "error"]
    assert [row["acc"] for row in found[0].history] == SWEEP.runs[0].curves[0].values


def test_the_list_of_charts_imports_no_numeric_package() -> None:
    code = (
        "import sys, litsweep.figures.charts; print({'numpy', 'scipy', 'torch', 'sklearn'} & {*sys.modules})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"

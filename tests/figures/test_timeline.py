"""The timeline of runs on agents."""

import json
from dataclasses import replace
from typing import Any

from litsweep.figures.sweep_data import RunData
from litsweep.figures.timeline import timeline
from tests.figures.conftest import run_data, sweep_data


def run(name: str, agent: str | None, start: float, end: float | None, state: str = "finished") -> RunData:
    broken = state in ("failed", "crashed")
    facts: dict[str, Any] = {"is_broken": broken, "is_alive": end is None, "started": start, "ended": end}
    return run_data(name, [0.5], agent=agent, state=state, **facts)


def test_each_agent_has_a_row_and_each_state_a_colour() -> None:
    sweep = sweep_data(
        run("a", "one", 1_000, 1_060),
        run("b", "two", 1_010, 1_030, "failed"),
        run("c", "two", 1_040, None, "running"),
        run_data("never started", []),
    )
    figure = timeline(sweep)
    bars = {trace["name"]: trace for trace in figure["data"]}
    assert list(bars) == ["finished", "failed", "running"]
    assert (bars["finished"]["base"], bars["finished"]["x"]) == ([1_000_000], [60_000])
    assert (bars["failed"]["y"], bars["failed"]["customdata"]) == ([1], ["b"])
    assert bars["running"]["x"] == [20_000]
    assert figure["layout"]["yaxis"]["ticktext"] == ["one", "two"]
    assert len({trace["marker"]["color"] for trace in bars.values()}) == 3


def test_runs_without_an_agent_and_dropped_runs_are_shown() -> None:
    sweep = sweep_data(run("a", None, 1_000, 1_060), run("b", None, 1_060, 1_070))
    figure = timeline(replace(sweep, matching=frozenset({"a"})))
    assert [trace["name"] for trace in figure["data"]] == ["finished", "not in the filter"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["no agent"]


def test_bars_of_many_runs_keep_the_shares_of_the_states() -> None:
    runs = [
        run(
            f"r{i}",
            f"a{i % 4}",
            100.0 * (i // 4),
            100.0 * (i // 4) + 90,
            "failed" if i % 10 == 0 else "finished",
        )
        for i in range(8_000)
    ]
    figure = timeline(sweep_data(*runs))
    times = {trace["name"]: sum(trace["x"]) for trace in figure["data"]}
    assert sum(len(trace["x"]) for trace in figure["data"]) <= 300
    assert abs(times["failed"] / (times["failed"] + times["finished"]) - 0.1) < 0.01
    assert "8,000 runs in" in figure["layout"]["meta"]["note"]
    assert len(json.dumps(figure, separators=(",", ":"))) < 40_000


def test_many_agents_have_the_names_that_fit() -> None:
    figure = timeline(sweep_data(*(run(f"r{i}", f"a{i}", 1_000 + i, 1_100) for i in range(200))))
    assert figure["layout"]["height"] <= 640
    assert len(figure["layout"]["yaxis"]["ticktext"]) <= 50

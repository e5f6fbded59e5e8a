"""The filter language of the dashboard: what an expression means, and what is said about a wrong one."""

from typing import Any

import pytest

from litsweep.server import run_filters
from litsweep.server.errors import RequestError
from litsweep.server.filter_expression import LONGEST, FilterError, parse
from litsweep.server.filter_names import Names
from litsweep.server.run_values import MISSING

KINDS = {
    "name": "text",
    "id": "text",
    "state": "state",
    "created": "time",
    "duration": "number",
    "tags": "list",
    "host": "text",
    "config.lr": "number",
    "config.net.depth": "number",
    "config.optimizer": "text",
    "config.flip": "text",
    "config.sizes": "list",
    "config.data set": "text",
    "config.lambda": "number",
    "config.both": "number",
    "summary.both": "number",
    "summary.acc": "number",
    "summary.train/loss": "number",
    "summary.mixed": "mixed",
    "summary.f1": "aggregates",
    "best.acc": "number",
}
ONE = {
    "title": "run-1",
    "id": "a1b2",
    "state": "finished",
    "created": 1767225600.0,  # 2026-01-01
    "duration": 90.0,
    "tags": ["first", "a b"],
    "host": "node7",
    "config.lr": 0.1,
    "config.net.depth": 3,
    "config.optimizer": "sgd",
    "config.flip": True,
    "config.sizes": [64, 32],
    "config.data set": "CIFAR (10)",
    "config.lambda": 2,
    "config.both": 1,
    "summary.both": 2,
    "summary.acc": 0.9,
    "summary.train/loss": 0.01,
    "summary.mixed": "x",
    "summary.f1": {"max": 0.8, "min": 0.2},
    "best.acc": 0.95,
    "text": "run-1\nsgd\nCIFAR (10)",
}


def holds(expression: str, run: dict[str, Any] = ONE) -> bool:
    wanted = parse(expression, Names(KINDS))
    return run_filters.checked(wanted, lambda key: lambda each: each.get(key, MISSING)).matches(run)


TRUE = """
lr > 0.01 and optimizer == "sgd"
config.lr == 0.1 and config.net.depth == 3
net.depth in [1, 2, 3] and net.depth not in (4, 5)
0.01 < lr <= 0.1
0.05 < lr and 0.2 > lr
not (summary.acc < .5)
best.acc >= 0.9 and best.acc > -1e3 and best.acc != inf
state != "failed" and state in ["finished", "running"]
"first" in tags and "none" not in tags and "a b" in tags
tags == "first"
"sg" in optimizer and "x" not in optimizer
optimizer.contains("gd") and optimizer.startswith("s") and optimizer.endswith("d")
host.matches("^node[0-9]+$")
name == "run-1" and name == "a1b2" and name in ["a1b2"] and name != "run-2"
id == "a1b2" and name.startswith("run-")
created > "2025-12-31" and created < "2026-01-01T00:00:01Z" and created == "2026-01-01"
duration > 60
flip == true and flip and not flip == False and flip is not None
sizes == [64, 32] and 64 in sizes
config["data set"] == "CIFAR (10)" and config["lambda"] = 2
train/loss <= 0.01 and summary["train/loss"] < 1
both == 1 and summary.both == 2
f1 > 0.7
mixed == "x"
lr = 0.1 and State = "finished" and Config("lr") < 1 and Metric("acc") > 0.5 and Runtime > 1
summary_metrics.acc > 0.5 and config.lr.value == 0.1
best.acc is not None
cifar
SGD run
(10)
"cifar" and lr == 0.1
not "adam"
"run-1"
"FAR (10"
""".strip().splitlines()
FALSE = """
lr > 0.1
not lr == 0.1
name != "run-1"
name not in ["a1b2"]
state == "failed"
optimizer == "adam" or lr > 1
"fir" in tags
flip == false
0.1 < lr < 0.2
f1 > 0.9
adam
sgd adam
c.far
"sgd run"
""".strip().splitlines()


@pytest.mark.parametrize("expression", TRUE)
def test_an_expression_holds(expression: str) -> None:
    assert holds(expression)


@pytest.mark.parametrize("expression", FALSE)
def test_an_expression_does_not_hold(expression: str) -> None:
    assert not holds(expression)


def test_a_comparison_with_a_missing_value_is_false() -> None:
    for expression in ("lr > 0", "lr < 0", "lr == 0", "lr in [0]", '"a" in optimizer', "flip"):
        assert not holds(expression, {"text": ""})
    for expression in ("lr != 0", "lr is None", "lr == null", "not lr > 0", "lr not in [0]"):
        assert holds(expression, {"text": ""})
    assert parse("  ", Names(KINDS)) == {}


def test_an_expression_is_a_filter_of_the_api() -> None:
    found = parse('config.lr in [0.1, 0.2] and not (summary.acc < .5 or "a" in tags)', Names(KINDS))
    assert found == {
        "$and": [
            {"config.lr": {"$in": [0.1, 0.2]}},
            {"$nor": [{"$or": [{"summary.acc": {"$lt": 0.5}}, {"tags": "a"}]}]},
        ]
    }


@pytest.mark.parametrize(
    ("expression", "message", "position"),
    [
        ("lrr > 0.1", "no column 'lrr'; did you mean lr?", 1),
        ("lr > 0.1 and config.optimiser == 'sgd'", "did you mean config.optimizer?", 14),
        ("summary.trian/loss > 1", "did you mean summary.train/loss?", 1),
        ("depth > 1", "no column 'depth'; did you mean net.depth?", 1),
        ("lr > 1 and config.depth > 1", "did you mean config.net.depth?", 12),
        ("loss > 1", "did you mean train/loss?", 1),
        ('ééé = "x" and lrx > 1', "no column 'ééé'", 1),
        ('host = "é" and lrx = 1', "no column 'lrx'; did you mean lr?", 16),
        ("optimizer == sgd", 'write a text in quotes: "sgd"', 14),
        ("lr > acc", "compared with a number, a text in quotes, or a list", 6),
        ('lr > "a"', "lr has numbers; write lr > 0.1", 6),
        ("optimizer == 3", 'optimizer has texts; write optimizer == "3"', 14),
        ('state == "finish"', "no state 'finish'; the states are finished, stopped early", 10),
        ('created > "yesterday"', 'created needs a time, such as "', 11),
        ("adam and sgd", 'no column adam; to search for a text, write "adam"', 1),
        ("(lr > 1", "has no partner", 1),
        ("layers in [1, 2", "has no partner", 15),
        ("lr > 1)", "has no partner", 7),
        ('optimizer == "sgd', "has no partner", 14),
        ("lr >", "not an expression", 4),
        ("lr > 1; host == 2", "not an expression", 7),
        ("lr > 1 if flip else 2", "not a comparison", 1),
        ("lr + 1 > 2", "no column 'lr + 1'", 1),
        ("max(lr) > 2", "not the name of a column", 1),
        ('__import__("os") == 1', "no column '__import__.os'", 1),
        ("(lambda: 1)() == 1", "not the name of a column", 1),
        ("[x for x in y] == 1", "not the name of a column", 1),
        ('lr > f"{lr}"', "compared with a number", 6),
        ("lr > 1j", "compared with a number", 6),
        ("lr in optimizer", 'after "in" comes a list', 7),
        ("optimizer.title() == 'x'", "not the name of a column", 1),
        ('optimizer.like("x") or lr > 1', "no function like; use one of contains", 1),
        ("optimizer.contains(3)", "contains needs a text in quotes", 20),
        ("not " * 60 + "lr == 1", "nested too deeply", None),
        ("(" * 300 + "lr" + ")" * 300 + " == 1", "nested too deeply", None),
        ("lr == " + "-" * 1500 + "1", "compared with a number", 7),
        ("x" * (LONGEST + 1), f"at most {LONGEST} characters", None),
    ],
)
def test_a_wrong_expression_says_what_and_where(expression: str, message: str, position: int | None) -> None:
    with pytest.raises(FilterError) as caught:
        holds(expression)
    assert message in str(caught.value)
    assert position in (None, caught.value.position)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="is not a regular expression of RE2"):
        holds('host.matches("(")')

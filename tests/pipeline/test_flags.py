"""Flags in all spellings of users and agents."""

from typing import Any, Literal

import pytest
from jsonargparse._typehints import Untyped

from litsweep.pipeline.flags import Flag, describe, from_parameters, read, spell


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--a=1"], [Flag("a", "1")]),
        (["--a", "1"], [Flag("a", "1")]),
        (["--a", "-1"], [Flag("a", "-1")]),
        (["--a=b=c"], [Flag("a", "b=c")]),
        (["--a="], [Flag("a", "")]),
        (["--help"], [Flag("help", None)]),
        (["--a", "--b", "2"], [Flag("a", None), Flag("b", "2")]),
        (["--m={'w': 64, 'o': {'lr': 0.1}}"], [Flag("m.w", "64"), Flag("m.o.lr", "0.1")]),
        (["--m={not a dict"], [Flag("m", "{not a dict")]),
    ],
)
def test_reading(argv: list[str], expected: list[Flag]) -> None:
    assert read(argv) == (expected, [])


def test_words_that_belong_to_no_flag_are_kept_apart() -> None:
    assert read(["stray", "--a=1", "other"]) == ([Flag("a", "1")], ["stray", "other"])


def test_parameters_are_spelled_as_the_agent_does() -> None:
    parameters = {"a": True, "b": None, "c": 64.0, "d": {"e": [1, 2]}}
    assert [str(flag) for flag in from_parameters(parameters)] == [
        "--a=True",
        "--b=None",
        "--c=64.0",
        "--d.e=[1, 2]",
    ]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("64.0", int, "64"),
        ("64.0", int | None, "64"),
        ("64.5", int, "64.5"),
        ("1e2", int, "100"),
        ("64.0", float, "64.0"),
        ("64.0", int | float, "64.0"),
        ("64.0", int | str, "64.0"),
        ("words", int, "words"),
        ("None", int | None, "null"),
        ("None", str | None, "null"),
        ("None", Literal["a", None], "null"),
        ("None", Any, "null"),
        ("None", Untyped, "null"),
        ("None", str, "None"),
        ("None", int, "None"),
    ],
)
def test_spelling(value: str, hint: Any, expected: str) -> None:
    assert spell(Flag("x", value), hint) == Flag("x", expected)


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, "int"),
        (int | None, "int or None"),
        (Literal["a", "b"] | None, "one of a, b or None"),
        (list[int] | str, "list[int] or str"),
    ],
)
def test_types_are_described_in_words(hint: Any, expected: str) -> None:
    assert describe(hint) == expected

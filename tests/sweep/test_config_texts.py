"""Sweep configs as JSON, with aliases, of any size, and with text that no program can get."""

import json

import pytest
import yaml

from litsweep.errors import ConfigError
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.parse.yaml_text import as_yaml

LISTS = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 20))
MERGED = "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 20))


def test_json_is_read_as_json() -> None:
    parameters = '{"lr": {"min": 1e-05, "max": 1E-1}, "b": {"values": [1e5, 3, "1e-5"]}}'
    config = parse_sweep(f'{{"method": "random", "parameters": {parameters}}}')
    lr, b = config.space.by_name["lr"].distribution, config.space.by_name["b"].distribution
    assert (lr.ppf(0), lr.ppf(1)) == (1e-05, 0.1)
    assert b.support == (1e5, 3, "1e-5")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"method": "random", "method": "grid"}', "method is there twice"),
        (
            "{method: random, parameters: {a: {min: 1e-05, max: 0.1}}}",
            "YAML reads 1e-05 as text: write 1.0e-05",
        ),
        ('{"method": "random",', "is not YAML"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("- " * 10_000, "nested too deeply"),
        ("a: &a [x, *a]", "contains itself"),
        (f"a0: &a0 [x, x, x, x]\n{LISTS}", "has more than 250000 values; check its aliases"),
        (f"a0: &a0 {{a: 1}}\n{MERGED}", "has more than 250000 values"),
        ("a: 0x" + "f" * 10_000, "a: is an integer of more than 3,900 digits"),
        ("a: " + "1:" * 3_000 + "1", "a: is an integer of more than 3,900 digits"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_texts_that_are_too_deep_or_too_large(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_sweep(text)
    assert words in str(error.value)


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
@pytest.mark.parametrize(
    ("path", "config"),
    [
        ("parameters.a.value", {"parameters": {"a": {"value": "TEXT"}}}),
        ("parameters.a.values[1]", {"parameters": {"a": {"values": [1, "TEXT"]}}}),
        ("parameters.a.value.b[0]", {"parameters": {"a": {"value": {"b": ["TEXT"]}}}}),
        ("metric.name", {"metric": {"name": "TEXT"}}),
        ("name", {"name": "TEXT"}),
        ("command[0]", {"command": ["TEXT"]}),
        ("parameters.the text 'TEXT'", {"parameters": {"TEXT": {"value": 1}}}),
    ],
)
def test_text_that_no_program_can_get(text: str, path: str, config: dict[str, object]) -> None:
    escaped = json.dumps(text)[1:-1]
    whole = {"method": "random", "parameters": {"x": {"value": 1}}} | config
    written = json.dumps(whole).replace("TEXT", escaped)
    for given in (written, json.loads(written)):
        with pytest.raises(ConfigError, match="half a surrogate pair") as error:
            parse_sweep(given)
        path = path.replace("TEXT", repr(text)[1:-1])
        assert any(fault.path == path for fault in error.value.faults), error.value.faults


def test_aliases_that_repeat_a_little() -> None:
    text = "method: random\nparameters:\n  a: &a {values: [1, 2]}\n  b: *a\n  c: {<<: *a}\n"
    assert parse_sweep(text).space.by_name["b"].distribution.support == (1, 2)


def test_bayes_takes_many_numbers_but_not_many_texts() -> None:
    def config(values: list[object]) -> dict[str, object]:
        return {"method": "bayes", "metric": {"name": "loss"}, "parameters": {"a": {"values": values}}}

    assert parse_sweep(config(list(range(5_000))))
    with pytest.raises(ConfigError, match="has 5000 unordered values; method: bayes takes at most 2000"):
        parse_sweep(config([f"v{n}" for n in range(5_000)]))


def test_json_as_yaml_has_the_same_numbers_for_other_readers() -> None:
    text = '{"method": "random", "parameters": {"lr": {"min": 1e-05, "max": 1}}}'
    assert yaml.safe_load(as_yaml(text)) == json.loads(text)
    assert as_yaml("{a: 1}") == "{a: 1}"
    assert as_yaml("# comment\na: 1") == "# comment\na: 1"


def test_macros_without_quotes_in_a_list_on_one_line() -> None:
    text = "program: a.py\ncommand: [python, ${program}, ${args}]\nmethod: random\n"
    with pytest.raises(
        ConfigError, match=r'line 2, column \d+: .* put macros in quotes, such as "\$\{program\}"'
    ):
        parse_sweep(text)
    with pytest.raises(ConfigError, match="check the indentation"):
        parse_sweep(text.replace("${program}, ${args}", '"${program}": "${args}"}'))

"""The keys `webhook` and `stalled_after` under `litsweep:`."""

from typing import Any

import pytest

from litsweep.errors import ConfigError
from litsweep.sweep.config import SweepConfig, parse_sweep


def parsed(**litsweep: Any) -> SweepConfig:
    return parse_sweep({"method": "random", "parameters": {"x": {"value": 1}}, "litsweep": litsweep})


@pytest.mark.parametrize(
    "url", ["https://hooks.slack.com/services/T0/B0/xyz", "http://10.0.0.7:8080", "http://[::1]:80/a?b=c#d"]
)
def test_addresses(url: str) -> None:
    config = parsed(webhook=url)
    assert (config.webhook, config.stalled_after) == (url, 10.0)
    assert config.local_warnings == ()
    assert config.cloud_warnings[-1].startswith("litsweep.webhook: W&B cloud sends nothing")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://a.org",
            "hooks.slack.com/x",
            "https://",
            "https:///x",
            "http://a.org:99999",
            "http://a:b@c.org",
        ),
        *(
            "http://[::1",
            "http://a b.org",
            "http://a.org/\n",
            "http://ä.org",
            "",
            7,
            None,
            ["http://a"],
        ),
    ],
)
def test_what_is_no_address_is_a_fault(url: object) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(webhook=url)
    (fault,) = raised.value.faults
    assert (fault.path, fault.rule) == ("litsweep.webhook", "must be an http:// or https:// address")
    assert fault.fix.startswith("write an address such as https://")


@pytest.mark.parametrize("minutes", [0, -1, "soon", float("inf"), True])
def test_what_is_no_time_is_a_fault(minutes: object) -> None:
    with pytest.raises(ConfigError, match=r"litsweep\.stalled_after: must be"):
        parsed(stalled_after=minutes)


def test_a_time_needs_no_webhook() -> None:
    config = parsed(stalled_after=2.5)
    assert (config.webhook, config.stalled_after) == (None, 2.5)


def test_the_key_at_the_top_is_named_with_its_place() -> None:
    config = parse_sweep({"method": "random", "parameters": {"x": {"value": 1}}, "webhook": "http://a.org"})
    assert config.warnings == (
        "webhook: is not a key of a sweep config, and is ignored; write webhook under `litsweep:`",
    )

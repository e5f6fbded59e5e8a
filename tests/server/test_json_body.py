"""JSON and gzip from clients, within limits."""

import gzip
import os

import pytest

from litsweep.server import json_body
from litsweep.server.json_body import BodyError, read_json, unpacked


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3 << 20])
@pytest.mark.parametrize("make", [os.urandom, bytes])
def test_gzip_is_unpacked(size: int, make: type[bytes]) -> None:
    content = make(size)
    assert unpacked(gzip.compress(content), "gzip") == content
    assert unpacked(gzip.compress(content) + gzip.compress(b"more") + bytes(512), "GZIP") == content + b"more"
    assert unpacked(content, None) == unpacked(content, "identity") == content


@pytest.mark.parametrize(
    "body",
    [b"plain", gzip.compress(b"a" * 1000)[:-9], gzip.compress(b"a") + b"junk"],
    ids=["plain", "cut", "junk"],  # the content has the time
)
def test_damaged_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(BodyError, match="Not a gzipped file"):
        unpacked(body, "gzip")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(BodyError, match="must be gzip or identity, got 'br'") as raised:
        unpacked(b"{}", "br")
    assert raised.value.status == 415


def test_a_body_may_unpack_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "LARGEST_BODY", 1 << 20)
    assert len(unpacked(gzip.compress(bytes(1 << 20)), "gzip")) == 1 << 20
    for members in (gzip.compress(bytes((1 << 20) + 1)), gzip.compress(bytes(1 << 19)) * 3):
        with pytest.raises(BodyError, match="unpacks to more than 1 MiB") as raised:
            unpacked(members, "gzip")
        assert raised.value.status == 413


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[0, {"a": 1, "b":', "}]")])
def test_depth_is_limited(start: str, end: str) -> None:
    levels = start.count("[") + start.count("{")
    read_json(start * (100 // levels) + "1" + end * (100 // levels))
    for n in (100 // levels + 1, 1000, 100_000):
        with pytest.raises(BodyError, match="nested deeper than 100 levels"):
            read_json(start * n + "1" + end * n)
    assert read_json('"' + "[" * 1000 + '"') == "[" * 1000


@pytest.mark.parametrize("text", ["[" + "0," * 2_000_000 + "0]", "[" + "{}," * 1_000_001 + "{}]"])
def test_the_number_of_values_is_limited(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(BodyError, match="more than 2000000 JSON values") as raised:
            read_json(form)
        assert raised.value.status == 413


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'"\xff"', "nul"])
def test_other_texts_are_not_json(text: bytes | str) -> None:
    with pytest.raises(BodyError, match="not JSON"):
        read_json(text)

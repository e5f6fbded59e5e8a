"""`litsweep open`, against a real server."""

import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from litsweep.cli import main
from tests.live_server import LiveServer
from tests.server.operations import UPSERT_RUN, UPSERT_SWEEP

RANDOM = "{method: random, parameters: {x: {min: 0.0, max: 1.0}}}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def sign_in(link: str) -> tuple[int, str | None]:
    """Follow a link. Return the status and the address to which it redirects."""
    try:
        urllib.request.build_opener(_NoRedirect).open(link, timeout=10)
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers["location"]
    raise AssertionError("a login link redirects or is refused")


def next_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["next"][0]


def test_links_to_the_pages(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("WANDB_BASE_URL", "WANDB_API_KEY", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    sweep = server.graphql(UPSERT_SWEEP, config=RANDOM)["upsertSweep"]["sweep"]["name"]
    server.graphql(UPSERT_RUN, name="r1", project="p", entity="local", config="{}")
    server.graphql(UPSERT_RUN, name="r1", project="q", entity="local", config="{}")

    def litsweep_open(*args: str) -> tuple[int, str]:
        code = main(["open", *args, "--data-dir", str(server.data_dir)])
        said = capsys.readouterr()
        return code, (said.out + said.err).strip()

    links = [litsweep_open()[1] for _ in range(3)]  # in one second, and each works
    assert [sign_in(link) for link in links] == [(303, "/")] * 3
    assert sign_in(links[0])[0] == 403 and opened == []

    page = f"/local/p/sweeps/{sweep}"
    for text in (sweep, f"p/{sweep}", f"local/p/{sweep}", page):
        code, link = litsweep_open(text)
        assert (code, next_of(link)) == (0, page), text
    for text, page in (
        ("local/p/r1", "/local/p/runs/r1"),
        ("local/p", "/local/p"),
        ("q/r1", "/local/q/runs/r1"),
    ):
        assert next_of(litsweep_open(text)[1]) == page
    code, said = litsweep_open("r1")
    assert code == 1 and "2 pages match; write one of local/p/runs/r1, local/q/runs/r1" in said
    assert next_of(litsweep_open("local/p/runs/r1")[1]) == "/local/p/runs/r1"
    for missing in ("nope", "local/nope", "local/p/nope", "a/b/c/d/e"):
        code, said = litsweep_open(missing)
        assert code == 1 and f"has no sweep, run or project {missing}: write ENTITY/PROJECT/ID" in said

    monkeypatch.setenv("DISPLAY", ":0")
    printed = litsweep_open()[1]
    assert [sign_in(link) for link in (*opened, printed)] == [(303, "/")] * 2
    litsweep_open("--no-browser")
    assert len(opened) == 1

    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", server.key)
    assert sign_in(litsweep_open("--no-browser")[1]) == (303, "/")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    code, said = litsweep_open("--no-browser")
    assert code == 1 and "refuses the key" in said


def test_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    assert main(["open", "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err == (
        f"litsweep: no server is running on {tmp_path}; start one with `litsweep serve`\n"
    )

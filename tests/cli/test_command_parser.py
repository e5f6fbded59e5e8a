"""A wrong word on the command line: the usage of its command, and the word that was meant."""

from pathlib import Path

import pytest

from litsweep.cli import main
from litsweep.cli.commands import COMMANDS
from litsweep.cli.options import default_data_dir, sweep_path


def refused(capsys: pytest.CaptureFixture[str], line: str) -> tuple[str, str]:
    """Return the usage and the last line of what a wrong command line prints."""
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    out, said = capsys.readouterr()
    assert stopped.value.code == 2 and out == ""
    *usage, last = said.splitlines()
    return "\n".join(usage), last


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_shows_the_usage_of_its_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, said = refused(capsys, f"{command} --frobnicate")  # also where an argument is missing
    assert usage.startswith(f"usage: litsweep {command} ")
    assert said.startswith(f"litsweep {command}: error: unrecognized arguments: --frobnicate; ")
    assert f"`litsweep {command} --help`" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run sweep.yaml --agnets 2", "did you mean --agents?"),
        ("run sweep.yaml --agnets=2 --cuont=3", "did you mean --agents, --count?"),
        ("run --jsn x.json", "did you mean --json?"),
        ("retry SWEEP --fialed", "did you mean --failed?"),
        ("launch SWEEP --per-gpus 2", "did you mean --per-gpu?"),
        ("status SWEEP other", "unrecognized arguments: other; `litsweep status --help`"),
        ("run sweep.yaml -- --count", "unrecognized arguments: --count"),
    ],
)
def test_the_flag_that_was_meant(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    usage, said = refused(capsys, line)
    assert usage.startswith(f"usage: litsweep {line.split()[0]} ")
    assert words in said


def test_values_of_flags(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--jso=/no/such/folder/x", "--json=/no/such/folder/x"):
        assert "argument --json" in refused(capsys, f"best SWEEP {flag}")[1]
    assert "argument -o/--output" in refused(capsys, "report SWEEP -o/no/such/folder/x")[1]
    assert "'-1' is not a whole number" in refused(capsys, "run sweep.yaml --count -1")[1]
    for amount in ("-1", "nan", "inf", "many"):
        for flag in ("--min-free-gb", "--gpus-per-agent"):
            said = refused(capsys, f"launch SWEEP {flag} {amount}")[1]
            assert f"argument {flag}: {amount!r} is not a number of at least 0" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stauts", "there is no command 'stauts'; did you mean status?"),
        ("frobnicate", "there is no command 'frobnicate'; `litsweep --help` lists the commands"),
        ("--data-dir x status", "write flags after the command, as in `litsweep status --data-dir`"),
    ],
)
def test_a_wrong_command(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    usage, said = refused(capsys, line)
    assert usage.startswith("usage: litsweep [-h]")
    assert words in said


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("local/p/abcd1234", "local/p/abcd1234"),
        ("abcd1234", "abcd1234"),
        ("local/p/sweeps/abcd1234", "local/p/abcd1234"),
        ("http://127.0.0.1:8765/Team%20X/p/sweeps/abcd1234?columns=a#runs", "Team X/p/abcd1234"),
        ("https://wandb.ai/me/p/sweeps/abcd1234/", "me/p/abcd1234"),
        ("https://wandb.ai/me/p/sweeps/abcd1234/workspace?nw=x", "me/p/abcd1234"),
        ("http://127.0.0.1:8765/local/p/runs/abcd1234", "/local/p/runs/abcd1234"),
    ],
)
def test_the_address_of_a_page_is_a_sweep_s_path(text: str, path: str) -> None:
    assert sweep_path(text) == path


def test_an_empty_data_folder_is_not_the_working_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITSWEEP_HOME", "")
    assert default_data_dir() == Path("~/.litsweep")
    for words in (["env", "--data-dir", ""], ["best", "abcd1234", "--json", ""]):
        with pytest.raises(SystemExit):
            main(words)
        assert f"argument {words[-2]}: is empty; name a f" in capsys.readouterr().err
    monkeypatch.setenv("LITSWEEP_HOME", "~nobody-has-this-name/x")
    with pytest.raises(SystemExit):
        main(["env"])
    said = "argument --data-dir: '~nobody-has-this-name/x': there is no such user's home"
    assert said in capsys.readouterr().err


def test_a_result_replaces_no_other_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("method: random")
    for words in (["run", str(file)], ["check", str(file)], ["best", "abcd1234"]):
        with pytest.raises(SystemExit):
            main([*words, "--json", str(file)])
        assert f"{str(file)!r} exists and is not a result" in capsys.readouterr().err
    assert file.read_text() == "method: random"
    file.write_text("{}")
    assert main(["check", str(tmp_path / "none.yaml"), "--json", str(file)]) == 1

"""Runs through the stock client, also when the server dies under them."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.compat.stock import python, start, wandb
from tests.live_server import LiveServer


def test_no_row_is_lost_when_the_server_is_killed(
    server: LiveServer, client_env: dict[str, str], tmp_path: Path
) -> None:
    code = """
import time
import wandb
with wandb.init(project="p", id="steady") as run:
    for step in range(500):
        run.log({"row": step})
        time.sleep(0.01)
"""
    (tmp_path / "log.py").write_text(code)
    client = start(["log.py"], client_env, tmp_path)
    for rows in (50, 200):
        wait_for_rows(server, rows)
        server.kill()
        time.sleep(0.5)
        server.start()
    assert client.wait(timeout=120) == 0, (tmp_path / "out-0").read_text()
    rows = run_fields(server, "history(minStep: 0, maxStep: 500, samples: 500)")["history"]
    assert [json.loads(row)["row"] for row in rows] == list(range(500))


def run_fields(server: LiveServer, fields: str) -> Any:
    """The fields of the run `steady`, or None before it exists."""
    query = f'{{ project(name: "p", entityName: "local") {{ run(name: "steady") {{ {fields} }} }} }}'
    project = server.graphql(query)["project"]
    return project and project["run"]


def wait_for_rows(server: LiveServer, n: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = run_fields(server, "historyLineCount")
        if run and run["historyLineCount"] >= n:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {n} rows after 60 s")


def test_a_wrong_key_is_one_paragraph(client_env: dict[str, str], tmp_path: Path) -> None:
    env = client_env | {"WANDB_API_KEY": "0" * 40}
    done = python("import wandb; wandb.init(project='p')", env, tmp_path)
    assert done.returncode != 0
    assert "litsweep env" in done.stderr + done.stdout
    done = wandb("login", "--verify", env=env, folder=tmp_path)
    assert done.returncode != 0 and "Traceback" not in done.stderr


def test_what_is_logged_reads_back(client_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    import json, math, wandb
    config = {"lr": 0.1, "nested": {"depth": 2}}
    with wandb.init(project="p", id="one", config=config, tags=["t"], notes="n") as run:
        for step in range(20):
            run.log({"loss": 1 / (step + 1), "nan": math.nan, "deep": {"er": step}})
        run.log({"top": math.inf})
    run = wandb.Api().run("local/p/one")
    print(json.dumps([
        run.state, dict(run.config), run.tags, run.notes, run.summary["loss"], run.summary["nan"],
        run.lastHistoryStep, len(list(run.scan_history())), list(run.scan_history(keys=["top"]))[0]["top"],
        len(run.history(samples=5, pandas=False)), run.history(keys=["deep.er"], pandas=False)[-1]["deep.er"],
    ]))
    """
    done = python(code, client_env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        *["finished", {"lr": 0.1, "nested": {"depth": 2}}, ["t"], "n", 0.05, "NaN"],
        *[20, 21, "Infinity", 5, 19],
    ]


def test_the_public_api(client_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    import json, wandb
    from wandb.apis.public import Run
    with wandb.init(project="p", id="one", config={"model": {"depth": 2}}) as run:
        for step in range(4):
            run.log({"x": step, "deep": {"er": step}})
        run.summary.update({"gone": 1, "kept": {"a": 1}})
    api = wandb.Api()
    run = api.run("local/p/one")
    waits = Run.create(api, run_id="waits", project="p", entity="local", state="pending")
    del run.summary["gone"]
    run.summary.update({"kept": {"b": 2}})
    again = wandb.Api().run("local/p/one")
    tables = [run.history(), run.history(keys=["deep.er"]), run.history(stream="system"),
              api.runs("local/p", {"name": "one"}).histories(keys=["x"], format="pandas")]
    print(json.dumps([
        wandb.Api().run("local/p/waits").state, "gone" in again.summary.keys(), dict(again.summary["kept"]),
        [type(table).__name__ for table in tables], list(tables[1]["deep.er"]), list(tables[3]["x"]),
        [[run.id for run in api.runs("local/p", {"config.model.value.depth": depth})] for depth in (2, 3)],
    ]))
    """
    done = python(code, client_env, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        *["pending", False, {"b": 2}, ["DataFrame"] * 4, [0, 1, 2, 3], [0, 1, 2, 3], [["one"], []]],
    ]


def test_resume(client_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    import wandb
    for part in range(2):
        with wandb.init(project="p", id="again", resume="allow" if part == 0 else "must") as run:
            print(run.resumed, run.starting_step)
            for step in range(5):
                run.log({"x": 5 * part + step})
    run = wandb.Api().run("local/p/again")
    print([(row["_step"], row["x"]) for row in run.scan_history()])
    try:
        wandb.init(project="p", id="again", resume="never")
    except wandb.errors.UsageError as error:
        print("refused")
    """
    done = python(code, client_env, tmp_path)
    assert done.returncode == 0, done.stderr
    out = done.stdout.splitlines()
    assert out[0] == "False 0" and out[1] == "True 5"
    assert str([(step, step) for step in range(10)]) in out and "refused" in out


@pytest.mark.slow
def test_a_stop_request_reaches_the_run(
    server: LiveServer, client_env: dict[str, str], tmp_path: Path
) -> None:
    """By the client's own poll, within 30 s."""
    code = """
    import time, wandb
    run = wandb.init(project="p", id="endless")
    run.log({"x": 1})
    time.sleep(2)
    wandb.Api().run("local/p/endless").stop()
    try:
        for step in range(600):
            run.log({"x": step})
            time.sleep(0.1)
    except KeyboardInterrupt:
        run.finish(exit_code=255)
        print("stopped")
    """
    done = python(code, client_env, tmp_path)
    assert done.stdout.splitlines()[-1] == "stopped", done.stderr
    query = '{ project(name: "p", entityName: "local") { run(name: "endless") { state } } }'
    assert server.graphql(query)["project"]["run"]["state"] == "killed"


def test_offline_run_is_synced(client_env: dict[str, str], tmp_path: Path) -> None:
    code = """
    import wandb
    with wandb.init(project="p", id="off", mode="offline") as run:
        for step in range(10):
            run.log({"x": step})
    """
    assert python(code, client_env, tmp_path).returncode == 0
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    done = wandb("sync", str(folder), env=client_env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    code = 'import wandb; r = wandb.Api().run("local/p/off"); print(r.state, len(list(r.scan_history())))'
    assert python(code, client_env, tmp_path).stdout.splitlines()[-1] == "finished 10"


@pytest.mark.slow
def test_verify(client_env: dict[str, str], tmp_path: Path) -> None:
    done = wandb("verify", env=client_env, folder=tmp_path, timeout=280)
    assert done.returncode == 0, done.stderr + done.stdout

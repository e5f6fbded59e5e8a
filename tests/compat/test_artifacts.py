"""Artifacts through the stock client: logged, used, read, changed and deleted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.stock import python

LOG = """
import json, pathlib, wandb
pathlib.Path("w.bin").write_bytes(b"x" * 100_000)
pathlib.Path("a file 100%.txt").write_text("hello")
pathlib.Path("referenced.txt").write_text("far away")
with wandb.init(project="p", id="logs") as run:
    model = wandb.Artifact("model", type="model", metadata={"k": 1}, description="the first")
    model.add_file("w.bin")
    model.add_file("a file 100%.txt", name="folder/a file 100%.txt")
    model.add_reference(pathlib.Path("referenced.txt").resolve().as_uri())
    run.log_artifact(model, aliases=["best"]).wait()
    run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
    run.log_code(".", include_fn=lambda path: path.endswith("script.py"))
with wandb.init(project="p", id="uses") as run:
    used = run.use_artifact("model:best")
    root = pathlib.Path(used.download())
    paths = [path for path in root.rglob("*") if path.is_file()]
    read = {str(path.relative_to(root)): path.read_bytes()[:8].decode() for path in paths}
    same = wandb.Artifact("model", type="model")
    same.add_file("w.bin")
    same.add_file("a file 100%.txt", name="folder/a file 100%.txt")
    same.add_reference(pathlib.Path("referenced.txt").resolve().as_uri())
    again = run.log_artifact(same).wait().version
    newer = wandb.Artifact("model", type="model")
    newer.add_file("w.bin")
    newest = run.log_artifact(newer).wait()
for way in ("once", "twice", "used"):
    with wandb.init(project="q", id=way) as run:
        shared = wandb.Artifact("shared", type="model")
        shared.add_file("w.bin")
        logged = run.use_artifact("shared:v0") if way == "used" else shared
        run.log_artifact(logged, aliases=[way]).wait()
print(json.dumps({"read": read, "again": again, "newest": [newest.version, newest.aliases]}))
"""

API = """
import json, wandb
api = wandb.Api()
first = api.artifact("local/p/model:v0")
first.verify(first.download(root="verified"))
entries = [first.get_entry(name) for name in ("w.bin", "folder/a file 100%.txt")]
one_by_one = [entry.download(root="entries", skip_cache=skip) for entry in entries for skip in (False, True)]
said = {
    "aliases": sorted(first.aliases), "metadata": dict(first.metadata), "description": first.description,
    "size": first.size, "type": first.type, "state": first.state, "files": [f.name for f in first.files()],
    "used_by": [run.id for run in first.used_by()], "logged_by": first.logged_by().id,
    "logged": sorted(a.type for a in api.run("local/p/logs").logged_artifacts()),
    "used": [a.name for a in api.run("local/p/uses").used_artifacts()],
    "types": sorted(t.name for t in api.artifact_types("local/p")),
    "collections": [c.name for c in api.artifact_type("model", "local/p").collections()],
    "versions": [a.version for a in api.artifacts("model", "local/p/model")],
    "exists": [api.artifact_exists(f"local/p/model:{alias}") for alias in ("latest", "v7")],
    "entries": [open(path).read()[:8] for path in one_by_one],
    "logged again": [a.name for a in api.run("local/p/uses").logged_artifacts()],
    "outputs": [[a.name for a in run.logged_artifacts()] for run in api.runs("local/q")],
    "shared": sorted(api.artifact("local/q/shared:v0").aliases),
    "first": api.artifact("local/q/shared:v0").logged_by().id,
    "table": api.artifact("local/p/run-logs-table:latest").get("table").data,
}
first.aliases.append("prod")
first.metadata["z"] = 2
first.description = "changed"
first.tags = ["good", "old"]
first.save()
first = wandb.Api().artifact("local/p/model:prod")
said["changed"] = [first.version, first.metadata, first.description, sorted(first.tags)]
first.aliases.remove("prod")
first.tags.remove("old")
first.save()
said["prod is left"] = api.artifact_exists("local/p/model:prod")
linked = first.link("local/p/portfolio", aliases=["shown"])
said["linked"] = [linked.name, linked.is_link, sorted(linked.aliases)]
linked.unlink()
said["link is left"] = api.artifact_exists("local/p/portfolio:shown")
collection = api.artifact_collection("model", "local/p/model")
collection.description, collection.tags = "weights", ["a", "b"]
collection.save()
collection = wandb.Api().artifact_collection("model", "local/p/model")
said["collection"] = [collection.description, sorted(collection.tags), sorted(collection.aliases)]
try:
    api.artifact("local/p/model:v1").delete()
except Exception as error:
    said["refused"] = str(error)
api.artifact("local/p/model:v1").delete(delete_aliases=True)
said["after"] = [a.version for a in wandb.Api().artifacts("model", "local/p/model")]
said["latest"] = wandb.Api().artifact("local/p/model:latest").version
collection.delete()
said["at the end"] = api.artifact_exists("local/p/model:v0")
print(json.dumps(said))
"""


def last_line(code: str, env: dict[str, str], folder: Path) -> Any:
    done = python(code, env, folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def logged(module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return last_line(LOG, module_env, tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def said(logged: Any, module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return last_line(API, module_env, tmp_path_factory.mktemp("api"))


def test_used_artifacts_are_what_was_logged(logged: Any) -> None:
    assert logged["read"] == {
        "w.bin": "xxxxxxxx",
        "folder/a file 100%.txt": "hello",
        "referenced.txt": "far away",
    }


def test_the_same_content_makes_no_new_version(logged: Any) -> None:
    assert logged["again"] == "v0"
    assert logged["newest"] == ["v1", ["latest"]]


def test_everything_about_a_version_reads_back(said: Any) -> None:
    assert said["aliases"] == ["best"]
    assert (said["metadata"], said["description"]) == ({"k": 1}, "the first")
    assert (said["size"], said["type"], said["state"]) == (100_013, "model", "COMMITTED")
    assert said["files"] == ["folder/a file 100%.txt", "referenced.txt", "w.bin"]


def test_lineage(said: Any) -> None:
    assert (said["logged_by"], said["used_by"]) == ("logs", ["uses"])
    assert said["logged"] == ["code", "model", "run_table"]
    assert said["used"] == ["model:v0"]


def test_a_version_is_an_output_of_every_run_that_logged_it(said: Any) -> None:
    assert said["logged again"] == ["model:v0", "model:v1"]
    assert said["outputs"] == [["shared:v0"]] * 3
    assert (said["shared"], said["first"]) == (["latest", "once", "twice", "used"], "once")


def test_entries_download_one_by_one(said: Any) -> None:
    assert said["entries"] == ["xxxxxxxx"] * 2 + ["hello"] * 2


def test_listing(said: Any) -> None:
    assert said["types"] == ["code", "model", "run_table"]
    assert said["collections"] == ["model"]
    assert said["versions"] == ["v1", "v0"]
    assert said["exists"] == [True, False]


def test_a_logged_table_reads_back(said: Any) -> None:
    assert said["table"] == [[1, "x"], [2, "y"]]


def test_changes(said: Any) -> None:
    assert said["changed"] == ["v0", {"k": 1, "z": 2}, "changed", ["good", "old"]]
    assert said["prod is left"] is False
    assert said["collection"] == ["weights", ["a", "b"], ["best", "latest"]]


def test_links(said: Any) -> None:
    assert said["linked"] == ["portfolio:v0", True, ["latest", "shown"]]
    assert said["link is left"] is False


def test_deleting(said: Any) -> None:
    assert "delete_aliases=True" in said["refused"]
    assert (said["after"], said["latest"]) == (["v0"], "v0")
    assert said["at the end"] is False

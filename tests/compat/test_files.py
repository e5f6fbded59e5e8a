"""Files and media of runs through the stock client, and the result of `wandb verify`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.stock import python, wandb

LOG = """
import json, pathlib, wandb
import numpy as np
names = ["plain.txt", "with space & 100%.txt", "deep/er/x.csv"]
for name in names:
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text(f"content of {name}")
with wandb.init(project="p", id="r") as run:
    for name in names:
        run.save(name, base_path=".")
    run.log({"image": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8)), "page": wandb.Html("<b>hi</b>")})
api = wandb.Api()
run = api.run("local/p/r")
files = {file.name: file for file in run.files()}
said = {
    "names": sorted(files),
    "read": [run.file(name).download(root="down", replace=True).read() for name in names],
    "odd": run.file("./plain.txt").name,
    "types": {name: files[name].mimetype for name in names},
    "size": files["plain.txt"].size,
    "csv": [file.name for file in run.files(pattern="%.csv")],
    "two": sorted(file.name for file in run.files(names=names[:2])),
    "paged": len(list(run.files(per_page=2))) == len(files),
}
pathlib.Path("later.txt").write_text("later")
said["uploaded"] = run.upload_file("later.txt").size
run.file("plain.txt").delete()
said["deleted"] = [file.name for file in run.files(names=["plain.txt"])]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(module_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    done = python(LOG, module_env, tmp_path_factory.mktemp("log"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_saved_files_are_listed_with_the_clients_own(said: Any) -> None:
    own = {"config.yaml", "requirements.txt", "wandb-metadata.json", "wandb-summary.json"}
    assert own | {"plain.txt", "with space & 100%.txt", "deep/er/x.csv"} <= set(said["names"])
    assert any(name.startswith("media/images/image_0_") for name in said["names"])
    assert any(name.startswith("media/html/page_0_") for name in said["names"])


def test_files_download(said: Any) -> None:
    assert said["read"] == [
        "content of plain.txt",
        "content of with space & 100%.txt",
        "content of deep/er/x.csv",
    ]
    assert said["odd"] == "plain.txt"
    assert said["size"] == len("content of plain.txt")
    assert said["types"]["deep/er/x.csv"] == "text/csv"


def test_files_are_found_by_pattern_and_name_and_in_pages(said: Any) -> None:
    assert said["csv"] == ["deep/er/x.csv"]
    assert said["two"] == ["plain.txt", "with space & 100%.txt"]
    assert said["paged"]


def test_files_are_uploaded_and_deleted_afterwards(said: Any) -> None:
    assert said["uploaded"] == 5
    assert said["deleted"] == []


@pytest.mark.slow
def test_wandb_verify_finds_nothing_wrong(client_env: dict[str, str], tmp_path: Path) -> None:
    done = wandb("verify", env=client_env, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("Check")]
    assert len(lines) == 10
    # Both want https, which a server on the loopback interface does not need.
    failed = [line for line in lines if "✅" not in line]
    assert [line.split("...")[0] for line in failed] == [
        "Checking requests to base url",
        "Checking requests made over signed URLs",
    ]

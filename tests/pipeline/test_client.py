"""The faster start of the client, and what runs inherit from the process that starts them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import wandb
from wandb.sdk.lib.service import service_port_file

from litsweep.pipeline import client, tracking
from tests import stock_service


@pytest.fixture
def service() -> Iterator[None]:
    yield
    stock_service.teardown()


@pytest.mark.usefixtures("service")
def test_runs_share_the_list_of_packages_and_wait_no_longer_than_the_service_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = wandb.util.working_set
    reads: list[str] = []
    waits: list[float] = []

    def counted() -> object:
        reads.append("read")
        return read()

    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setattr(client, "_read_packages", counted)
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=waits.append))
    client._packages_of.cache_clear()
    for run_id in ("a", "b"):
        run = tracking.start("offline", run_id, {}, lambda: None)
        run.finish()
        listed = Path(run.dir, "requirements.txt").read_text().splitlines()
        assert f"wandb=={wandb.__version__}" in listed
    assert len(reads) == 1
    assert waits
    assert max(waits) <= client.POLL_SECONDS
    assert wandb.util.working_set is read


def test_another_client_starts_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(service_port_file, "_SLEEP")
    monkeypatch.setitem(sys.modules, "wandb.util", ModuleType("wandb.util"))
    with client.quick_start():
        assert not hasattr(service_port_file, "_SLEEP")


def test_starts_in_two_threads_leave_the_client_s_own_functions() -> None:
    own = wandb.util.working_set, service_port_file._SLEEP
    first, second = client.quick_start(), client.quick_start()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert (wandb.util.working_set, service_port_file._SLEEP) == own


def test_a_place_of_imports_that_is_no_text_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, None, b"/nowhere"])
    assert list(client._metadata_folders())


def test_a_package_that_is_installed_between_two_runs_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = client.installed_packages()
    assert client.installed_packages() is before
    (tmp_path / "new_package-1.0.dist-info").mkdir()
    metadata = tmp_path / "new_package-1.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: new-package\nVersion: 1.0\n")
    assert "new-package" in {package.key for package in client.installed_packages()}


RUN = """
import sys
import litsweep.pipeline.early
from litsweep.pipeline import arguments, main
inherited = set(sys.modules)
arguments._new_parser = None
code = main(["--data.dataset=digits", "--trainer.fast_dev_run=true", "--wandb=offline"])
print(code, *sorted({name.partition(".")[0] for name in sys.modules.keys() - inherited}))
"""


def test_a_run_inherits_its_imports_and_the_parser_of_its_flags(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path, env=dict(os.environ), stdout=subprocess.PIPE, text=True, check=True, timeout=120,
    )  # fmt: skip
    code, *imported = done.stdout.splitlines()[-1].split()
    assert (code, {*imported} & {"lightning", "opentelemetry", "torch"}) == ("0", set())

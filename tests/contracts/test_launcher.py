"""The contract of every launcher: a finished sweep, one W&B run per trial, no process left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from litsweep.launch import slurm
from litsweep.launch.ray import RayOptions, launch_on_ray
from litsweep.launch.slurm import SlurmOptions
from tests.launch.conftest import Bench, MakeBench, bench
from tests.launch.processes import wait_until
from tests.launch.slurm_cluster import SlurmCluster, why_not

__all__ = ["bench"]  # the fixture

Launcher = Callable[[Bench, Path], None]
AGENTS = 2


def local(made: Bench, folder: Path) -> None:
    assert made.launch(agents=AGENTS).exit_code == 0


def local_stock(made: Bench, folder: Path) -> None:
    assert made.launch(agents=AGENTS, agent="stock").exit_code == 0


def on_slurm(made: Bench, folder: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    cluster = SlurmCluster(folder / "slurm")
    try:
        cluster.start()
        environ = made.environ | cluster.environ
        slurm.submit(made.sweep, SlurmOptions(agents=AGENTS), environ)
        wait_until(lambda: slurm.status(made.sweep, environ) == [])
    finally:
        cluster.stop()


def on_ray(made: Bench, folder: Path) -> None:
    with _ray_cluster() as address:
        options = RayOptions(agents=AGENTS, address=address, environ=made.environ)
        assert launch_on_ray(made.sweep, options).exit_code == 0


@contextmanager
def _ray_cluster() -> Iterator[str]:
    cluster_class: Any = pytest.importorskip("ray.cluster_utils").Cluster
    cluster = cluster_class(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        yield str(cluster.address)
    finally:
        cluster.shutdown()


@pytest.mark.filterwarnings("ignore::FutureWarning:ray")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "launcher",
    [local, *(pytest.param(one, marks=pytest.mark.slow) for one in (local_stock, on_slurm, on_ray))],
)
def test_a_sweep_is_run_to_its_end(launcher: Launcher, bench: MakeBench, tmp_path: Path) -> None:
    made = bench(run_cap=3)
    launcher(made, tmp_path)
    assert made.states() == {"finished": 3}
    assert {run["historyLineCount"] for run in made.runs()} == {4}
    wait_until(lambda: made.left_over() == [], seconds=10)

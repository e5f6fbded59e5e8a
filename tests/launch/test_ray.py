"""Launching on a real Ray cluster of three nodes, one of which dies."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from litsweep.errors import LitsweepError
from litsweep.launch.ray import RayOptions, launch_on_ray
from tests.launch.conftest import MakeBench
from tests.launch.processes import wait_until

SLOW_RUN = """
import time, wandb
with wandb.init() as run:
    for n in range(4):
        run.log({"loss": float(n)})
        time.sleep(0.5)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    cluster_class: Any = pytest.importorskip("ray.cluster_utils").Cluster
    running = cluster_class(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    running.add_node(num_cpus=1)
    running.add_node(num_cpus=1)
    yield running
    running.shutdown()


def test_the_sweep_survives_a_node_s_death(bench: MakeBench, cluster: Any) -> None:
    made = bench(SLOW_RUN, run_cap=9)

    def kill_a_node() -> None:
        wait_until(lambda: made.states()["running"] == 3)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill_a_node)
    killer.start()
    options = RayOptions(agents=3, address=cluster.address, environ=made.environ)
    outcome = launch_on_ray(made.sweep, options)
    killer.join()
    assert outcome.exit_code == 0
    assert made.states() == {"finished": 9}
    assert made.left_over() == []


def test_no_cluster_is_said(bench: MakeBench) -> None:
    pytest.importorskip("ray")
    made = bench()
    with pytest.raises(LitsweepError, match="no Ray cluster at 'auto'"):
        launch_on_ray(made.sweep, RayOptions(environ=made.environ))

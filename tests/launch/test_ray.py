"""Launching on a real Ray cluster of three nodes, of which two die."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from litsweep.errors import LitsweepError
from litsweep.launch.options import LaunchOutcome
from litsweep.launch.ray import RayOptions, launch_on_ray, record_loss
from litsweep.launch.retry import Retries
from tests.launch.conftest import Bench, MakeBench
from tests.launch.processes import wait_until
from tests.launch.test_pauses import FREEZE, LENGTH, RESUMING, check
from tests.launch.tiny_runs import TINY, ends, starts

AGENTS, CPUS = 64, 22
LEAST = AGENTS - 2 * CPUS  # agents on the emptiest of three nodes
SPARE = 3 * CPUS - AGENTS
COUNTED = """
import sys, time, wandb
with wandb.init() as run:
    for n in range(4):
        run.log({"loss": float(n)})
        time.sleep(0.5)
"""

on_ray = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def make_cluster() -> Iterator[Callable[[int], Any]]:
    """Return a function that starts three nodes with as many CPUs each."""
    cluster_class: Any = pytest.importorskip("ray.cluster_utils").Cluster
    started: list[Any] = []

    def make(cpus: int) -> Any:
        options = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": 80 * 2**20}
        started.append(cluster_class(initialize_head=True, head_node_args=options))
        for _ in range(2):
            started[0].add_node(num_cpus=cpus, object_store_memory=80 * 2**20)
        return started[0]

    yield make
    for running in started:
        running.shutdown()


def launched(made: Bench, cluster: Any, driver: Callable[[], None], **options: Any) -> LaunchOutcome:
    """Launch the sweep on the cluster while `driver` runs in a thread. Raises what the driver raises."""
    errors: list[BaseException] = []

    def drive() -> None:
        try:
            driver()
        except BaseException as error:
            errors.append(error)
            (made.folder / "release").touch()

    thread = threading.Thread(target=drive)
    thread.start()
    chosen = RayOptions(address=cluster.address, environ=made.environ, **options)
    outcome = launch_on_ray(made.sweep, chosen)
    thread.join()
    if errors:
        raise errors[0]
    return outcome


def wait_for(made: Bench, state: str, least: int) -> None:
    """Wait until at least so many runs are in the state."""
    wait_until(lambda: made.states()[state] >= least, seconds=120)


def kill_a_node(cluster: Any) -> None:
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)


class TestOnACluster:
    pytestmark = on_ray

    def test_the_sweep_survives_the_death_of_both_other_nodes(
        self, bench: MakeBench, make_cluster: Callable[[int], Any]
    ) -> None:
        made, cluster = bench(COUNTED), make_cluster(1)

        def kill_both() -> None:
            for alive in (3, 2):
                wait_for(made, "running", alive)
                kill_a_node(cluster)

        outcome = launched(made, cluster, kill_both, agents=3, count=9)
        assert outcome.exit_code == 0 and outcome.done == 9
        assert made.states() == {"finished": 9}
        assert made.left_over() == []

    def test_64_agents_lose_nothing_when_two_of_three_nodes_die(
        self, bench: MakeBench, make_cluster: Callable[[int], Any]
    ) -> None:
        made, cluster = bench(TINY, run_cap=AGENTS * 3 // 2), make_cluster(CPUS)

        def kill_both() -> None:
            wait_until(lambda: made.states()["running"] == AGENTS, seconds=300)
            for _ in range(2):
                before = made.states()
                kill_a_node(cluster)
                wait_for(made, "preempted", before["preempted"] + LEAST)
            (made.folder / "release").touch()

        outcome = launched(made, cluster, kill_both, agents=AGENTS)
        assert outcome.exit_code == 0
        assert made.states() == {"finished": AGENTS * 3 // 2}
        assert outcome.done == AGENTS * 3 // 2 and outcome.failed == 0
        assert Counter(ends(made).values()) == {1: AGENTS * 3 // 2}
        again = Counter(starts(made).values())
        assert set(again) <= {1, 2, 3} and 2 * LEAST <= again[2] + 2 * again[3] <= 2 * CPUS
        assert again[3] <= SPARE  # a run of the first node may begin again on the second before that one dies
        assert made.left_over() == []

    def test_tasks_go_on_with_paused_runs(self, bench: MakeBench, make_cluster: Callable[[int], Any]) -> None:
        made, cluster = bench(RESUMING, method="bayes", run_cap=3, litsweep=FREEZE), make_cluster(1)
        outcome = launched(made, cluster, lambda: None, agents=2)
        assert outcome.failed == 0
        check(made, "loss", LENGTH)

    def test_no_cluster_is_said(self, bench: MakeBench) -> None:
        pytest.importorskip("ray")
        made = bench()
        with pytest.raises(LitsweepError, match="no Ray cluster at 'auto'"):
            launch_on_ray(made.sweep, RayOptions(environ=made.environ))


def test_a_run_that_ended_before_its_node_died_is_not_run_again(bench: MakeBench) -> None:
    """Its end has reached the server, but not the driver."""
    made = bench(run_cap=2)
    made.launch()
    first, second = (run["name"] for run in made.runs())
    retries = Retries(made.api)
    record_loss(made.api, retries, first)
    assert made.states() == {"finished": 2}
    made.api.preempting(second)
    made.api.end(second, 143)
    record_loss(made.api, retries, second)
    assert made.states() == {"finished": 1, "preempted": 1}
    assert all("attempts" not in run["summary"] for run in made.runs())

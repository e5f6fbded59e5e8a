"""A real Slurm of one node: munged, slurmctld and slurmd, with their own configuration in a folder."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIG = """
ClusterName=litsweep
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,sched_min_interval=0
MpiDefault=none
ReturnToService=2
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Return why no cluster can be started here; empty if one can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)} (apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "needs root to start slurmd"


class SlurmCluster:
    """A cluster: call `start`, use `environ`, call `stop`."""

    def __init__(self, folder: Path, cpus: int = 64) -> None:
        self.folder = folder
        self._cpus = cpus
        self.environ = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        ports = {"controller_port": _free_port(), "node_port": _free_port()}
        (self.folder / "slurm.conf").write_text(
            CONFIG.format(host=host, folder=self.folder, cpus=self._cpus, **ports)
        )
        munge = [
            f"--{name}={self.folder}/munge.{name.partition('-')[0]}"
            for name in ("socket", "key-file", "pid-file")
        ]
        munge += [f"--seed-file={self.folder}/munge.seed"]
        self._run(["munged", "--force", "--foreground", *munge])
        _wait_for((self.folder / "munge.socket").exists)
        self._run(["slurmctld", "-D"])
        self._run(["slurmd", "-D"])
        _wait_for(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%t"))

    def ask(self, *argv: str) -> str:
        """Return the output of a Slurm command."""
        environ = os.environ | self.environ
        return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        self.ask("scancel", "--state=RUNNING", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=30)

    def _run(self, argv: list[str]) -> None:
        with (self.folder / f"{argv[0]}.out").open("wb") as output:
            environ = os.environ | self.environ
            self._daemons.append(subprocess.Popen(argv, env=environ, stdout=output, stderr=output))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "Slurm did not come up"
        time.sleep(0.1)

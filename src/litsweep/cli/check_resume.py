"""`litsweep check` for a sweep that pauses runs: can the program resume a run?"""

from collections.abc import Sequence
from pathlib import Path

from litsweep import pipeline
from litsweep.cli.program import Target
from litsweep.errors import ConfigError, Fault
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw

RULE = "litsweep.early_terminate"
_FIX = "mend that, or take another early_terminate, such as predictive, which needs no resume"
_OWN_FIX = 'load the last checkpoint of the run, and write wandb.init(resume="allow"), as in docs/pipeline.md'


def pauses(config: SweepConfig) -> bool:
    """Return True if the sweep pauses runs."""
    return isinstance(config.early_terminate, FreezeThaw)


def check_resume(path: Path, config: SweepConfig, flags: Sequence[str]) -> None:
    """Train one epoch, and a second one from the checkpoint. Raise ConfigError if that fails.

    `flags` are those of one run. The metric that pauses a run must be the monitored one.
    """
    monitor, _ = pipeline.monitored(flags)
    metric = config.metric.name if config.metric else ""
    faults = []
    if metric != monitor:
        rule = f"must be the metric of the sweep ({metric}), because its values are counted until a pause"
        faults.append(Fault("monitor", rule, monitor, f"write `monitor: {{value: {metric}}}`, and its mode"))
    elif why := pipeline.refused_resume(flags):
        rule = f"needs a program that resumes from its checkpoint; the second of two epochs fails ({why})"
        faults.append(Fault(RULE, rule, "", _FIX))
    if faults:
        raise ConfigError(str(path), faults)


def check_own_program(path: Path, target: Target | None) -> None:
    """Raise ConfigError for a Python file that starts a W&B run and never resumes one.

    A file without `wandb.init` leaves that to a library or to a module of its own, which may resume.
    """
    source = target.python_source() if target else ""
    if target and "wandb.init(" in source and "resume" not in source.lower():
        rule = f"pauses runs, and {target.name} cannot be resumed: it does not resume its W&B run"
        raise ConfigError(str(path), [Fault(RULE, rule, "", _OWN_FIX)])

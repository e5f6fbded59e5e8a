"""`litsweep scheduler`: a Bayesian sweep for `wandb sweep-scheduler`, also on W&B cloud."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml

from litsweep.cli.check import check_config
from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.sweep.config import Method, SweepConfig, parse_sweep
from litsweep.sweep.distributions import Categorical
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw

_MARK = "Written by `litsweep scheduler`"

_SOURCE = '''"""{mark} for `wandb sweep-scheduler`: the search of {name}."""

from pathlib import Path

from litsweep.optuna import SweepSearch

_search = SweepSearch(Path(__file__).with_name("{name}"))
study, search_space = _search.study, _search.search_space
'''

_NEXT = """wrote {config}
      {source}
Next, from this folder:
  wandb sweep {config}
  wandb sweep-scheduler --batch-size 1 ENTITY/PROJECT/ID   # 1: number of agents
  wandb agent ENTITY/PROJECT/ID                            # in other shells"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "config", type=Path, metavar="SWEEP.yaml", help="the sweep's YAML file, with method: bayes"
    )
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Write the sweep and its scheduler beside the config. Raises ConfigError for unsupported sweeps."""
    config = check_config(args.config)
    faults = list(_faults(config))
    if faults:
        raise ConfigError(str(args.config), faults)
    path = Path(os.path.relpath(args.config))
    target = path.with_name(f"{path.stem}_scheduler.yaml")
    source = target.with_suffix(".py")
    scheduled = yaml.safe_dump(scheduled_sweep(config, source.as_posix()), sort_keys=False)
    parse_sweep(scheduled, str(target))
    _check_overwritable(target)
    _check_overwritable(source)
    _write(target, f"# {_MARK} from {path.name}: edit that file and run the command again.\n{scheduled}")
    _write(source, _SOURCE.format(mark=_MARK, name=target.name))
    if find_spec("optuna") is None:
        print("warning: the scheduler needs Optuna here: pip install 'litsweep[optuna]'", file=sys.stderr)
    print(_NEXT.format(config=target, source=source))
    return 0


def scheduled_sweep(config: SweepConfig, source: str) -> dict[str, object]:
    """Return the sweep with `method: custom` and the scheduler. Keys that W&B refuses move to `litsweep:`."""
    scheduler = {"engine": "optuna", "source": source, "optimizer": "study", "search_space": "search_space"}
    section = config.raw.get("litsweep")
    moved = {"early_terminate": config.raw["early_terminate"]} if "early_terminate" in config.raw else {}
    moved |= section if isinstance(section, Mapping) else {}
    kept = {key: value for key, value in config.raw.items() if key not in ("early_terminate", "litsweep")}
    kept |= {"method": "custom", "scheduler": scheduler}
    return kept | ({"litsweep": moved} if moved else {})


def _faults(config: SweepConfig) -> Iterator[Fault]:
    """Yield what a sweep with a scheduler cannot have."""
    if config.scheduler is not None:
        yield Fault("scheduler", "is present already", "", "name the sweep file without `scheduler:`")
    elif config.method is not Method.BAYES:
        fix = "write `method: bayes`, or create the sweep with `wandb sweep` alone"
        yield Fault("method", "must be bayes", str(config.method), fix)
    for key in ("constraints", "cost"):
        if getattr(config, key):
            fix = "leave it out, or run the sweep on the embedded backend (`litsweep run`)"
            yield Fault(f"litsweep.{key}", "needs more results than W&B's scheduler reads", "", fix)
    if isinstance(config.early_terminate, FreezeThaw):
        fix = "leave it out, or let litsweep's own server run the sweep"
        what = "is freeze_thaw; a scheduler does not resume paused runs"
        yield Fault("litsweep.early_terminate.type", what, "", fix)
    for parameter in config.space.parameters:
        path = f"parameters.{parameter.name}"
        if len(parameter.keys) > 1:
            fix = f"write `{parameter.name}:` as one name with a dot"
            yield Fault(path, "is nested, which W&B's scheduler does not support", "", fix)
        if isinstance(parameter.distribution, Categorical):
            yield from _equal_values(path, parameter.distribution.support)


def _equal_values(path: str, values: Sequence[object]) -> Iterator[Fault]:
    """Yield faults for different values that are equal in Python: Optuna records the first for both."""
    for index, value in enumerate(values):
        for other in values[:index]:
            if value == other:
                fix = "write one of them as text"
                yield Fault(path, f"Optuna does not distinguish {other!r} and {value!r}", "", fix)


def _check_overwritable(path: Path) -> None:
    """Raise LitsweepError if the file exists and another program wrote it."""
    try:
        is_ours = not path.exists() or _MARK in path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LitsweepError(f"{path}: cannot be read ({error.strerror}); move it out of the way") from error
    if not is_ours:
        raise LitsweepError(f"{path}: exists, but is not from `litsweep scheduler`; move it out of the way")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "copy the sweep's YAML to a folder that you may write to"
        raise LitsweepError(f"{path}: cannot be written ({error.strerror}); {fix}") from error

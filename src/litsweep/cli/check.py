"""`litsweep check`: finds what would go wrong in a sweep before its first run."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from litsweep import pipeline
from litsweep.cli.check_resume import check_own_program, check_resume, pauses
from litsweep.cli.options import add_json, write_json
from litsweep.cli.program import Target, program_faults, program_warnings, target_of
from litsweep.errors import ConfigError, Fault, LitsweepError, count
from litsweep.launch.command import fill_environment, is_macro
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical

PIPELINE = "litsweep.pipeline"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("config", type=Path, metavar="SWEEP.yaml", help="the sweep's YAML file")
    parser.add_argument("--no-metric", action="store_true", help="do not train a batch to check the metrics")
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Check the sweep, print what was checked, and return 0. Raises LitsweepError for a fault."""
    config = check_config(args.config)
    steps = [f"schema: {config.method} over {count(len(config.space.parameters), 'parameter')}"]
    skipped = []
    target = target_of(config)
    if target and (source := target.source()):
        where = "" if str(source) == target.name else f" ({source})"
        steps.append(f"program: the {target.kind} {target.name} is found{where}")
    else:
        skipped.append(f"program: {_name(config)} is not found from here")
    if uses_pipeline(config):
        steps += _check_pipeline(args.config, config, with_metric=not args.no_metric)
    else:
        skipped += _check_other_program(args.config, config, target)
    if config.webhook:
        skipped.append(f"webhook: the embedded backend posts events to {urlsplit(config.webhook).hostname}")
    show_warnings(config.local_warnings)
    for step in steps:
        print(f"ok           {step}")
    for step in skipped:
        print(f"not checked  {step}")
    if config.cloud_warnings:
        print("\n  ".join(["On W&B's cloud only:", *config.cloud_warnings]))
    result = {"config": str(args.config), "ok": steps, "not_checked": skipped}
    result |= {"warnings": list(config.local_warnings), "cloud_notes": list(config.cloud_warnings)}
    write_json(args.json, result)
    return 0


def _check_pipeline(path: Path, config: SweepConfig, with_metric: bool) -> Iterator[str]:
    """Check a program that uses the pipeline. Yield what was checked."""
    check_parameters(path, config)
    check_values(path, config)
    yield f"parameters: all are flags of {_name(config)}, values fit"
    if not with_metric or not config.metrics:
        return
    check_metrics(path, config)
    names = [metric.name for metric in config.metrics] + _constrained(config)
    yield f"metric: {', '.join(names)} is logged"
    if pauses(config):
        check_resume(path, config, _first_flags(config))
        yield "pauses: a second epoch resumes from the checkpoint of the first"


def _check_other_program(path: Path, config: SweepConfig, target: Target | None) -> Iterator[str]:
    """Check a program that does not use the pipeline. Yield what cannot be checked."""
    yield f"parameters and metric: {_name(config)} does not use {PIPELINE}"
    if pauses(config):
        check_own_program(path, target)
        yield f"pauses: {_name(config)} has to resume from a checkpoint of its own"


def show_warnings(warnings: Sequence[str]) -> None:
    """Print warnings on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _name(config: SweepConfig) -> str:
    target = target_of(config)
    return target.name if target else config.program or "the command"


def check_config(path: Path) -> SweepConfig:
    """Return the parsed YAML file. Adds a warning if the program is not found here.

    Raises LitsweepError (ConfigError with every fault) if the sweep cannot run.
    """
    config = parse_sweep(read_text(path), str(path))
    if faults := program_faults(config):
        raise ConfigError(str(path), faults)
    return replace(config, warnings=(*config.warnings, *program_warnings(config)))


def read_text(path: Path) -> str:
    """Return the text of a sweep's YAML file. Raises LitsweepError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LitsweepError(f"{path}: cannot be read ({error.strerror}); name a sweep's YAML file") from error
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise LitsweepError(f"{path}: is not a text file in UTF-8 ({where}); save it as UTF-8") from error


def uses_pipeline(config: SweepConfig) -> bool:
    """Return True if the program uses `litsweep.pipeline`, so that its flags are known."""
    target = target_of(config)
    return target is not None and PIPELINE in target.python_source()


def check_parameters(path: Path, config: SweepConfig) -> None:
    """Raise ConfigError unless every parameter is a flag of the program and accepts its values."""
    found: dict[Fault, list[str]] = {}
    for values in _corners(config):
        for fault in pipeline.check_parameters(values, fixed_arguments(config)):
            found.setdefault(replace(fault, path=_path_of(fault.path, config), got=""), []).append(fault.got)
    if found:
        faults = [replace(fault, got=", ".join(dict.fromkeys(got))) for fault, got in found.items()]
        raise ConfigError(str(path), faults)
    _check_mode(path, config)


def check_values(path: Path, config: SweepConfig) -> None:
    """Raise ConfigError unless model, data and trainer can be constructed with every value."""
    faults = pipeline.refused_values(_columns(config), fixed_arguments(config))
    if faults:
        raise ConfigError(str(path), [replace(fault, path=_path_of(fault.path, config)) for fault in faults])


def _check_mode(path: Path, config: SweepConfig) -> None:
    """Raise ConfigError if checkpoints and early stopping use the wrong direction of the metric."""
    monitor, mode = pipeline.monitored(_first_flags(config))
    for metric in config.metrics:
        wanted = "max" if metric.is_maximized else "min"
        if metric.name in (monitor, f"best_{monitor}") and mode != wanted:
            rule = f"must be {wanted} with `goal: {metric.goal}` of {monitor}, else the worst epoch is kept"
            raise ConfigError(str(path), [Fault(_path_of("mode", config), rule, mode, f"write {wanted}")])


def _path_of(flag: str, config: SweepConfig) -> str:
    """Return the path of a flag, or of a mapping with it, in the sweep config; else the flag itself."""
    for parameter in config.space.parameters:
        if f"{flag}.".startswith(f"{parameter.name}."):
            return parameter.config_path + flag.removeprefix(parameter.name)
    return flag


def _corners(config: SweepConfig) -> list[Mapping[str, object]]:
    """Return configs that together hold every listed value (up to 100) and both ends of every range."""
    columns = _columns(config)
    height = max((len(column) for column in columns.values()), default=0)
    return [
        {name: column[i % len(column)] for name, column in columns.items()} for i in range(min(height, 100))
    ]


def _columns(config: SweepConfig) -> dict[str, tuple[object, ...]]:
    return {p.name: _corner_values(p.distribution) for p in config.space.parameters}


def _corner_values(distribution: Distribution) -> tuple[object, ...]:
    if isinstance(distribution, Categorical):
        return distribution.support
    return tuple(_shortened(distribution.ppf(u), distribution) for u in (0.001, 0.999))


def _shortened(value: object, distribution: Distribution) -> object:
    """Return the value with four digits, for messages, or unchanged if that leaves the range."""
    short = float(f"{value:.4g}") if isinstance(value, float) else value
    return short if distribution.contains(short) else value


def fixed_arguments(config: SweepConfig) -> Sequence[str]:
    """Return the arguments in `command` that are the same for every run."""
    target = target_of(config)
    words = [fill_environment(word, os.environ) for word in target.arguments] if target else []
    return [word for word in words if not is_macro(word)]


def _first_flags(config: SweepConfig) -> list[str]:
    """Return the flags of one run."""
    first = _corners(config)[0] if config.space.parameters else {}
    return [*fixed_arguments(config), *(f"--{name}={value}" for name, value in first.items())]


def check_metrics(path: Path, config: SweepConfig) -> None:
    """Train one batch. Raise ConfigError unless it logs the sweep's metrics and the monitored one."""
    flags = _first_flags(config)
    logged = pipeline.logged_metrics(flags)
    monitor, _ = pipeline.monitored(flags)
    summarized = {f"best_{monitor}"} if monitor in logged else set()
    faults = [
        Fault(
            f"metrics[{index}].name" if "metrics" in config.raw else "metric.name",
            "must be a metric that a run logs", repr(metric.name), _nearest(metric.name, sorted(logged)),
        )
        for index, metric in enumerate(config.metrics)
        if metric.name not in logged | summarized
    ]  # fmt: skip
    after = "if the program logs it after training, check with --no-metric"
    faults += [
        Fault(
            f"litsweep.constraints.{name}", "must be a metric that a run logs", repr(name),
            f"{_nearest(name, sorted(logged))}; {after}",
        )
        for name in _constrained(config)
        if name not in logged | summarized
    ]  # fmt: skip
    if not {monitor, f"{monitor}_epoch"} & logged:  # with this ending, Lightning's callbacks know both names
        rule = "must be a metric that a run logs: the best checkpoint and early stopping need it"
        near = _nearest(monitor, sorted(logged))
        faults.append(Fault(_path_of("monitor", config), rule, repr(monitor), f"{near}; give its mode too"))
    if faults:
        raise ConfigError(str(path), faults)


def _constrained(config: SweepConfig) -> list[str]:
    """Return the metrics with a constraint, without those of the sweep."""
    own = {metric.name for metric in config.metrics}
    return [constraint.metric for constraint in config.constraints if constraint.metric not in own]


def _nearest(name: str, logged: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, logged, n=1, cutoff=0.5)
    use = f"use {close[0]}, or " if close else ""
    return f"{use}one of {', '.join(logged)}"

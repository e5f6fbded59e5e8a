"""`litsweep check`: everything that can be known to go wrong in a sweep, before any run is spent on it."""

import argparse
import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from litsweep.cli.options import add_json, write_json
from litsweep.cli.program import program_faults, program_warnings, target_of
from litsweep.errors import ConfigError, Fault, LitsweepError, count
from litsweep.launch.command import fill_environment, is_macro
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.distribution import Distribution
from litsweep.sweep.distributions import Categorical

PIPELINE = "litsweep.pipeline"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check", help="preflight a sweep: schema, parameters against the pipeline, metric really logged"
    )
    parser.add_argument("config", type=Path, help="the sweep's YAML file")
    parser.add_argument(
        "--no-metric", action="store_true", help="leave out the one-batch run that logs metrics"
    )
    add_json(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    config = check_config(args.config)
    steps = [f"schema: {config.method} over {count(len(config.space.parameters), 'parameter')}"]
    skipped = []
    target = target_of(config)
    if target and (source := target.source()):
        steps.append(f"program: the {target.kind} {target.name} is found ({source})")
    else:
        skipped.append(f"program: {_name(config)} is not found from here")
    if uses_pipeline(config):
        check_parameters(args.config, config)
        check_values(args.config, config)
        steps.append(f"parameters: all are flags of {_name(config)}, values fit")
        if not args.no_metric and config.metrics:
            check_metrics(args.config, config)
            steps.append(f"metric: {', '.join(m.name for m in config.metrics)} is logged")
    else:
        skipped.append(f"parameters and metric: {_name(config)} does not use {PIPELINE}")
    show_warnings(config.local_warnings)
    for step in steps:
        print(f"ok           {step}")
    for step in skipped:
        print(f"not checked  {step}")
    if config.cloud_warnings:
        print("On W&B's cloud only:")
        for note in config.cloud_warnings:
            print(f"  {note}")
    result = {"config": str(args.config), "ok": steps, "not_checked": skipped}
    result |= {"warnings": list(config.local_warnings), "cloud_notes": list(config.cloud_warnings)}
    write_json(args.json, result)
    return 0


def show_warnings(warnings: Sequence[str]) -> None:
    """Print warnings on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _name(config: SweepConfig) -> str:
    target = target_of(config)
    return target.name if target else config.program or "the command"


def check_config(path: Path) -> SweepConfig:
    """Parse the YAML file and see that agents can run what it names.

    What is perhaps not found is among the config's warnings. Raises LitsweepError (ConfigError with every
    fault) when it cannot be swept.
    """
    config = parse_sweep(_read(path), str(path))
    if faults := program_faults(config):
        raise ConfigError(str(path), faults)
    return replace(config, warnings=(*config.warnings, *program_warnings(config)))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise LitsweepError(f"{path}: cannot be read ({error.strerror}); name a sweep's YAML file") from error
    except UnicodeDecodeError as error:
        raise LitsweepError(f"{path}: is not a text file ({error.reason} at byte {error.start})") from error


def uses_pipeline(config: SweepConfig) -> bool:
    """True when what runs is built on our pipeline, so that its flags are known."""
    target = target_of(config)
    return target is not None and PIPELINE in target.python_source()


def check_parameters(path: Path, config: SweepConfig) -> None:
    """Every parameter is a flag of the program and every value of the space's corners fits its type."""
    from litsweep import pipeline

    found: dict[Fault, list[str]] = {}
    for values in _corners(config):
        for fault in pipeline.check_parameters(values, fixed_arguments(config)):
            found.setdefault(replace(fault, path=_place(fault.path, config), got=""), []).append(fault.got)
    if found:
        faults = [replace(fault, got=", ".join(dict.fromkeys(got))) for fault, got in found.items()]
        raise ConfigError(str(path), faults)
    _check_mode(path, config)


def check_values(path: Path, config: SweepConfig) -> None:
    """The model and the data can be made with every value."""
    from litsweep import pipeline

    faults = pipeline.refused_values(_columns(config), fixed_arguments(config))
    if faults:
        raise ConfigError(str(path), [replace(fault, path=_place(fault.path, config)) for fault in faults])


def _check_mode(path: Path, config: SweepConfig) -> None:
    """Checkpoints and early stopping look for what the sweep looks for, where they go by its metric."""
    from litsweep import pipeline

    monitor, mode = pipeline.monitored(_first_flags(config))
    for metric in config.metrics:
        wanted = "max" if metric.is_maximized else "min"
        if metric.name in (monitor, f"best_{monitor}") and mode != wanted:
            rule = f"must be {wanted} with `goal: {metric.goal}` of {monitor}: the worst epoch would be kept"
            raise ConfigError(str(path), [Fault(_place("mode", config), rule, mode, f"write {wanted}")])


def _place(flag: str, config: SweepConfig) -> str:
    """Where the sweep config has a flag, or the mapping that it is taken from; else the flag itself."""
    for parameter in config.space.parameters:
        if f"{flag}.".startswith(f"{parameter.name}."):
            return parameter.config_path + flag.removeprefix(parameter.name)
    return flag


def _corners(config: SweepConfig) -> list[Mapping[str, object]]:
    """Configs that together hold every listed value (up to 100) and both ends of every range."""
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
    return tuple(_short(distribution.ppf(u), distribution) for u in (0.001, 0.999))


def _short(value: object, distribution: Distribution) -> object:
    """A value of a range in as many digits as a person reads."""
    short = float(f"{value:.4g}") if isinstance(value, float) else value
    return short if distribution.contains(short) else value


def fixed_arguments(config: SweepConfig) -> Sequence[str]:
    """The words of `command` after what it runs that are the same for every run."""
    target = target_of(config)
    words = [fill_environment(word, os.environ) for word in target.arguments] if target else []
    return [word for word in words if not is_macro(word)]


def _first_flags(config: SweepConfig) -> list[str]:
    """The flags of one run."""
    first = _corners(config)[0] if config.space.parameters else {}
    return [*fixed_arguments(config), *(f"--{name}={value}" for name, value in first.items())]


def check_metrics(path: Path, config: SweepConfig) -> None:
    """Train one batch and see that the metrics the sweep asks for come out, and the one that runs monitor."""
    from litsweep import pipeline

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
    if monitor not in logged:
        rule = "must be a metric that a run logs: it picks the best checkpoint and stops early"
        near = _nearest(monitor, sorted(logged))
        faults.append(Fault(_place("monitor", config), rule, repr(monitor), f"{near}; give its mode too"))
    if faults:
        raise ConfigError(str(path), faults)


def _nearest(name: str, logged: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, logged, n=1, cutoff=0.5)
    use = f"use {close[0]}, or " if close else ""
    return f"{use}one of {', '.join(logged)}"

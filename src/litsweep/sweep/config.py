"""A sweep config as `wandb sweep` takes it, and its parser, which reports all faults together."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from litsweep.errors import ConfigError, Fault
from litsweep.sweep.constraints import Constraint
from litsweep.sweep.early_termination.rule import EarlyTerminationRule
from litsweep.sweep.events import STALLED_AFTER_MINUTES
from litsweep.sweep.metric import Goal, Impute, Metric
from litsweep.sweep.pareto import ranked_by
from litsweep.sweep.parse.method import Method, check_method, parse_method
from litsweep.sweep.parse.metric import parse_metrics
from litsweep.sweep.parse.outcomes import Cost, parse_constraints, parse_cost
from litsweep.sweep.parse.replicates import parse_replicates, with_seeds
from litsweep.sweep.parse.section import Report, Section
from litsweep.sweep.parse.sendable import check_sendable
from litsweep.sweep.parse.space import parse_space
from litsweep.sweep.parse.top import (
    TEXT_KEYS,
    check_controller,
    check_keys,
    check_rule_of_scheduler,
    parse_command,
    parse_early_terminate,
    parse_litsweep,
    parse_scheduler,
    parse_stalled_after,
    parse_webhook,
)
from litsweep.sweep.parse.transfer import parse_defaults, parse_prior, parse_transfer
from litsweep.sweep.parse.yaml_text import read_yaml
from litsweep.sweep.prior import StatedPrior
from litsweep.sweep.replicates import Replicates, ranked_by_config
from litsweep.sweep.space import Parameter, SearchSpace
from litsweep.sweep.values import show

__all__ = ["Goal", "Impute", "Method", "Metric", "SweepConfig", "parse_sweep"]


@dataclass(frozen=True)
class SweepConfig:
    """The checked config of one sweep.

    The embedded backend posts events to `webhook`. A sweep has stalled after `stalled_after` minutes without
    an agent. `defaults` has the values of parameters in runs that began before they were added. `transfer`
    names the earlier sweeps to learn from; None leaves the choice to the backend. With `replicates` the space
    has their seeds as a parameter. `raw` is the mapping as given. `warnings` includes the `cloud_warnings`,
    which matter on W&B's cloud only.
    """

    method: Method
    space: SearchSpace
    metrics: tuple[Metric, ...] = ()
    early_terminate: EarlyTerminationRule | None = None
    run_cap: int | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    scheduler: Mapping[str, object] | None = None
    seed: int | None = None
    replicates: Replicates | None = None
    webhook: str | None = None
    stalled_after: float = STALLED_AFTER_MINUTES
    transfer: tuple[str, ...] | None = None
    prior: Mapping[str, StatedPrior] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    cost: Cost | None = None
    raw: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    cloud_warnings: tuple[str, ...] = ()

    @property
    def local_warnings(self) -> tuple[str, ...]:
        """The warnings that matter on the embedded backend."""
        return tuple(warning for warning in self.warnings if warning not in self.cloud_warnings)

    @property
    def metric(self) -> Metric | None:
        """The first metric; None if there is none."""
        return self.metrics[0] if self.metrics else None

    @property
    def limits(self) -> dict[str, str]:
        """The limit of each metric with a constraint, such as `<= 20`."""
        return {constraint.metric: constraint.limit for constraint in self.constraints}

    @property
    def max_runs(self) -> int | None:
        """The largest number of runs; None if it is unlimited."""
        size = self.space.grid_size if self.method is Method.GRID else math.inf
        most = size if self.run_cap is None else min(size, self.run_cap)
        return None if most == math.inf else int(most)

    def nest(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return a run's config, nested as in the sweep config, without W&B's `value` wrappers.

        Parameters that the run lacks are left out. A prior run may lack some.
        """
        nested: dict[str, object] = {}
        for parameter in self.space.active(parameters):
            if parameter.name not in parameters:
                continue
            branch = nested
            for key in parameter.keys[:-1]:
                branch = _branch(branch, key)
            branch[parameter.keys[-1]] = parameters[parameter.name]
        return nested

    def flatten(self, nested: Mapping[str, object]) -> dict[str, object]:
        """Return the sweep's parameters in a run's config by dotted name: the inverse of `nest`.

        As in W&B, keys that the run added inside a mapping-valued parameter are removed.
        """
        found = ((parameter.name, _found(parameter, nested)) for parameter in self.space.parameters)
        return {name: value for name, values in found for value in values}

    def ranked_runs(
        self,
        values: Sequence[float | None],
        standings: Sequence[int],
        metric: Metric,
        parameters: Sequence[Mapping[str, object]],
    ) -> list[int]:
        """Return the positions of the runs with a value of the metric, the best first.

        With replicates, the runs of the config with the best mean are first. `standings` are from `standing`.
        """
        if self.replicates is None:
            return ranked_by(values, standings, metric)
        keys = self.replicates.config_keys(self.space, parameters)
        return ranked_by_config(values, standings, metric, keys, self.replicates.n)


def parse_sweep(config: str | Mapping[str, object], what: str = "the sweep config") -> SweepConfig:
    """Parse a sweep config, given as YAML text or as a mapping. Raises ConfigError with all faults.

    `what` names the config in messages, for example by its file name.
    """
    content = _mapping(read_yaml(config, what) if isinstance(config, str) else config, what)
    report = Report()
    try:
        check_sendable(content, report)
        parsed = _parse(Section(report, "", {key: _with_text_keys(value) for key, value in content.items()}))
    except RecursionError:
        report.fault("parameters", "is nested too deeply, or contains itself")
    if report.faults:
        raise ConfigError(what, report.faults)
    return parsed


def parsed_or_none(
    config: str | Mapping[str, object],
    parse: Callable[[Any], SweepConfig] = parse_sweep,
) -> SweepConfig | None:
    """Return a stored sweep config, or None if this version of litsweep refuses it."""
    try:
        return parse(config)
    except ConfigError:
        return None


def _mapping(content: object, what: str) -> Mapping[object, object]:
    if isinstance(content, Mapping):
        return content
    got = "" if content is None else show(content)
    fix = "a sweep config begins with lines such as `method: random`"
    if isinstance(content, PurePath) or str(content).endswith((".yaml", ".yml")):
        fix = "pass the text of the file: Path(…).read_text()"
    raise ConfigError(what, [Fault("YAML", "must hold a mapping", got, fix)])


def _with_text_keys(value: object) -> object:
    """Return the value with numeric mapping keys as text, as in the wandb client's JSON."""
    if isinstance(value, Mapping):
        return {_text_key(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _text_key(key: object) -> object:
    return str(key) if isinstance(key, int | float) and not isinstance(key, bool) else key


def _parse(top: Section) -> SweepConfig:
    check_keys(top)
    litsweep = parse_litsweep(top)
    text = {key: top.text(key) for key in TEXT_KEYS if top.raw(key) is not None}
    method, metrics = parse_method(top), parse_metrics(top)
    space = parse_space(top, litsweep) if _needs_parameters(top) else SearchSpace(())
    config = SweepConfig(
        method=method,
        space=space,
        metrics=metrics,
        early_terminate=parse_early_terminate(top, litsweep, space),
        run_cap=top.count("run_cap", at_least=1) if "run_cap" in top else None,
        program=text.get("program"),
        command=parse_command(top),
        name=text.get("name"),
        description=text.get("description"),
        project=text.get("project"),
        entity=text.get("entity"),
        scheduler=parse_scheduler(top),
        seed=litsweep.integer("seed", at_least=0) if litsweep and "seed" in litsweep else None,
        webhook=parse_webhook(top, litsweep),
        stalled_after=parse_stalled_after(litsweep),
        transfer=parse_transfer(top, litsweep),
        defaults=parse_defaults(litsweep, space),
        constraints=parse_constraints(top, litsweep, metrics),
        cost=parse_cost(top, litsweep),
        raw={str(key): value for key, value in top.content.items()},
    )
    config = replace(config, prior=parse_prior(top, litsweep, config.space))
    replicates = parse_replicates(top, litsweep, config.space)
    config = replace(config, space=with_seeds(config.space, replicates), replicates=replicates)
    check_rule_of_scheduler(top, litsweep)
    _check_combination(top, config)
    report = top.report
    return replace(config, warnings=tuple(report.warnings), cloud_warnings=tuple(report.cloud_warnings))


def _needs_parameters(top: Section) -> bool:
    scheduler = top.raw("scheduler")
    return "parameters" in top or not (isinstance(scheduler, Mapping) and scheduler.get("search_space"))


def _check_combination(top: Section, config: SweepConfig) -> None:
    if "metric" not in top and "metrics" not in top:
        _check_metric_is_not_needed(top.report, config)
    if len(config.metrics) > 1 and config.method is not Method.CUSTOM:
        what = "W&B cloud takes several metrics only with method: custom and a scheduler"
        top.report.warn_for_cloud("metrics", what)
    check_controller(top)
    check_method(top, config.space)


def _check_metric_is_not_needed(report: Report, config: SweepConfig) -> None:
    needing = [f"method: {config.method}"] * config.method.needs_metric
    needing += ["early_terminate"] * (config.early_terminate is not None)
    needing += ["litsweep.constraints"] * (len(config.constraints) > 0)
    if needing:
        fix = "add `metric: {name: val_loss, goal: minimize}` with the name that your run logs"
        report.fault("metric", f"is missing; {' and '.join(needing)} cannot work without it", "", fix)


def _branch(nested: dict[str, object], key: str) -> dict[str, object]:
    branch = nested.setdefault(key, {})
    assert isinstance(branch, dict)
    return branch


def _found(parameter: Parameter, nested: Mapping[str, object]) -> Iterator[object]:
    """Yield the parameter's value in a nested config, if it is there."""
    value: object = nested
    for key in parameter.keys:
        if not isinstance(value, Mapping) or key not in value:
            return
        value = value[key]
    yield _suggested_part(parameter, value) if isinstance(value, Mapping) else value


def _suggested_part(parameter: Parameter, value: Mapping[str, object]) -> dict[str, object]:
    options = parameter.distribution.support or ()
    known = {key for option in options if isinstance(option, dict) for key in option}
    return {key: item for key, item in value.items() if key in known}

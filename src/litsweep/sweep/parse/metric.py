"""Parser of `metric:` and `metrics:`."""

from collections.abc import Iterator

from litsweep.sweep.metric import Goal, Impute, Metric
from litsweep.sweep.parse.section import Section
from litsweep.sweep.parse.yaml_text import write_yaml
from litsweep.sweep.values import show

_KEYS = ("name", "goal", "target", "impute", "impute_while_running")


def parse_metrics(top: Section) -> tuple[Metric, ...]:
    """Return the valid metrics. The faults of the others are in the report."""
    if "metrics" not in top:
        section = top.section("metric", _metric_fix(top.raw("metric"))) if "metric" in top else None
        return tuple(_parse(section)) if section else ()
    if "metric" in top:
        fix = "use metric for one objective, metrics for several"
        top.fault("metrics", "cannot be combined with metric", fix)
        return ()
    entries = top.raw("metrics")
    if not isinstance(entries, list | tuple) or len(entries) < 2:
        top.fault("metrics", "must be a list of two or more metrics", "use metric for a single one")
        return ()
    metrics = tuple(metric for index, entry in enumerate(entries) for metric in _listed(top, index, entry))
    if len({metric.name for metric in metrics}) < len(metrics):
        top.fault("metrics", "must have different names", "remove the duplicates")
    return metrics


def _listed(top: Section, index: int, entry: object) -> Iterator[Metric]:
    path = f"metrics[{index}]"
    if isinstance(entry, dict):
        yield from _parse(Section(top.report, path, entry))
    else:
        top.report.fault(path, "must be a mapping (`key: value` lines)", show(entry), _metric_fix(entry))


def _metric_fix(value: object) -> str:
    name = write_yaml(value) if isinstance(value, str) else "val_loss"
    return f"write `name: {name}` under it"


def _parse(section: Section) -> Iterator[Metric]:
    section.refuse_unknown_keys(_KEYS, "a metric")
    if section.raw("name") in (None, ""):
        section.report.fault(section.path_of("name"), "is missing", "", "add the name that the run logs")
        return
    name = section.text("name")
    if name is not None:
        goal = Goal(section.choice("goal", tuple(Goal)) or "minimize") if "goal" in section else Goal.MINIMIZE
        target = section.number("target") if "target" in section else None
        yield Metric(name, goal, target, _impute(section), _impute_while_running(section))


def _impute(section: Section) -> Impute | None:
    word = section.choice("impute", tuple(Impute)) if "impute" in section else None
    return Impute(word) if word else None


def _impute_while_running(section: Section) -> Impute | None:
    """Read the key. W&B's "false" is a text, which YAML reads as a boolean without quotes."""
    key = "impute_while_running"
    if key not in section or section.raw(key) is False:
        return None
    word = section.choice(key, (*Impute, "false"))
    return Impute(word) if word and word != "false" else None

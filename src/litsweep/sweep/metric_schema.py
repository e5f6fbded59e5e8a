"""`metric:` and `metrics:` of a sweep config."""

from collections.abc import Iterator

from litsweep.sweep.metric import Goal, Impute, Metric
from litsweep.sweep.section import Section, show
from litsweep.sweep.yaml_text import write_yaml

_KEYS = ("name", "goal", "target", "impute", "impute_while_running")


def parse_metrics(top: Section) -> tuple[Metric, ...]:
    """The metrics that have no fault; the faults are in the report."""
    if "metrics" not in top:
        section = top.section("metric", _as_metric(top.raw("metric"))) if "metric" in top else None
        return tuple(_parse(section)) if section else ()
    if "metric" in top:
        top.fault(
            "metrics", "cannot stand beside metric", "use metric for one objective, metrics for several"
        )
        return ()
    entries = top.raw("metrics")
    if not isinstance(entries, list | tuple) or len(entries) < 2:
        top.fault("metrics", "must be a list of two or more metrics", "use metric for a single one")
        return ()
    metrics = tuple(metric for index, entry in enumerate(entries) for metric in _listed(top, index, entry))
    if len({metric.name for metric in metrics}) < len(metrics):
        top.fault("metrics", "must have different names", "leave out those that are there twice")
    return metrics


def _listed(top: Section, index: int, entry: object) -> Iterator[Metric]:
    path = f"metrics[{index}]"
    if isinstance(entry, dict):
        yield from _parse(Section(top.report, path, entry))
    else:
        top.report.fault(path, "must be a mapping (`key: value` lines)", show(entry), _as_metric(entry))


def _as_metric(value: object) -> str:
    name = write_yaml(value) if isinstance(value, str) else "val_loss"
    return f"write `name: {name}` under it"


def _parse(section: Section) -> Iterator[Metric]:
    section.refuse_unknown_keys(_KEYS, "a metric")
    if section.raw("name") in (None, ""):
        section.report.fault(section.at("name"), "is missing", "", "add the name that the run logs")
        return
    name = section.text("name")
    if name is not None:
        yield Metric(
            name,
            Goal(section.choice("goal", tuple(Goal)) or Goal.MINIMIZE)
            if "goal" in section
            else Goal.MINIMIZE,
            section.number("target") if "target" in section else None,
            _impute(section),
            _impute_while_running(section),
        )


def _impute(section: Section) -> Impute | None:
    word = section.choice("impute", tuple(Impute)) if "impute" in section else None
    return Impute(word) if word else None


def _impute_while_running(section: Section) -> Impute | None:
    """W&B's word for no is the text "false", which YAML reads as a boolean unless quoted."""
    key = "impute_while_running"
    if key not in section or section.raw(key) is False:
        return None
    word = section.choice(key, (*Impute, "false"))
    return Impute(word) if word and word != "false" else None

"""Parsers of the other top-level keys of a sweep config that need more than a type check."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from litsweep.sweep.early_termination import RULES, parse_rule, parse_wandb_rule
from litsweep.sweep.early_termination.rule import EarlyTerminationRule
from litsweep.sweep.events import STALLED_AFTER_MINUTES
from litsweep.sweep.parse.freeze_thaw import check_freeze_thaw, with_max_iter
from litsweep.sweep.parse.method import Method, is_own_scheduler
from litsweep.sweep.parse.section import Section, did_you_mean
from litsweep.sweep.space import SearchSpace
from litsweep.sweep.values import show

TEXT_KEYS = ("program", "name", "description", "project", "entity", "job", "image_uri", "apiVersion", "kind")
_MAPPING_KEYS = ("parameters", "metric", "early_terminate", "controller", "scheduler", "litsweep")
_KEYS = ("method", "metrics", "run_cap", "command", *_MAPPING_KEYS, *TEXT_KEYS)
_SEARCH_KEYS = ("seed", "early_terminate", "conditions", "defaults", "transfer", "prior")
_RESULT_KEYS = ("constraints", "cost", "replicates")
_LITSWEEP_KEYS = (*_SEARCH_KEYS, *_RESULT_KEYS, "webhook", "stalled_after")
_FREE_KEYS = ("defaults",)  # at the top level, people keep anchors for aliases under such a key
_MOVED = {key: f"{key} under `litsweep:`" for key in _LITSWEEP_KEYS if key not in (*_KEYS, *_FREE_KEYS)}

_CLIENT_KEYS = ("settings", "launch")  # the wandb client adds these keys, or removes them before upload

_MACROS = (
    *("env", "interpreter", "program", "args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags"),
    *("args_json", "args_json_file", "args_dict", "args_append_hydra", "args_override_hydra"),
)
_SCHEDULERS = {"wandb": ("grid", "random", "bayes"), "optuna": ("custom",), "ax": ("custom",)}


def check_keys(top: Section) -> None:
    """Report a misspelt or misplaced key. Warn of any other unknown key, which W&B ignores."""
    top.check_keys((*_KEYS, *_CLIENT_KEYS), "a sweep config", _MOVED)


def parse_litsweep(top: Section) -> Section | None:
    """Return the section `litsweep:`, which holds everything that W&B does not know."""
    fix = "write for example `seed: 7` under it, or leave it out"
    section = top.section("litsweep", fix) if "litsweep" in top else None
    if section is not None:
        section.refuse_unknown_keys(_LITSWEEP_KEYS, "litsweep")
        what = "is for litsweep's own backend; W&B cloud ignores it, with a warning"
        top.report.warn_for_cloud("litsweep", what)
    return section


def parse_webhook(top: Section, litsweep: Section | None) -> str | None:
    """Return `litsweep: webhook`, the address to which the server posts the sweep's events."""
    if litsweep is None or "webhook" not in litsweep:
        return None
    what = "W&B cloud sends nothing, and your team sees the address; use `litsweep watch` there"
    top.report.warn_for_cloud("litsweep.webhook", what)
    fix = "write an address such as https://hooks.example.org/abc"
    url = litsweep.raw("webhook")
    if isinstance(url, str) and _is_address(url):
        return url
    litsweep.fault("webhook", "must be an http:// or https:// address", fix)
    return None


def _is_address(text: str) -> bool:
    """Return True for an address that can be posted to: no spaces, no password, a port that exists."""
    try:
        url = urlsplit(text)
        has_host = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # its port is not a number, or its host is no address
        return False
    return has_host and "@" not in url.netloc and text.isascii() and text.isprintable() and " " not in text


def parse_stalled_after(litsweep: Section | None) -> float:
    """Return `litsweep: stalled_after`, in minutes."""
    if litsweep is None or "stalled_after" not in litsweep:
        return STALLED_AFTER_MINUTES
    fix = "write minutes, for example 30"
    return litsweep.number_above("stalled_after", 0, fix=fix) or STALLED_AFTER_MINUTES


def parse_early_terminate(
    top: Section, litsweep: Section | None, space: SearchSpace
) -> EarlyTerminationRule | None:
    """Return the early-termination rule. The one under `litsweep:` wins; W&B cloud uses the other."""
    for section in (top, litsweep):
        if section and "early_terminate" in section and "metrics" in top:
            rule = "cannot stop runs of several metrics: a run that is behind in one may lead in another"
            section.fault("early_terminate", rule, "leave it out, or keep one metric")
    fix = "write for example `early_terminate: {type: hyperband, min_iter: 3}`"
    wandb = top.section("early_terminate", fix) if "early_terminate" in top else None
    wandb_rule = parse_wandb_rule(wandb) if wandb else None
    own = litsweep.section("early_terminate", fix) if litsweep and "early_terminate" in litsweep else None
    if own is None or litsweep is None:
        return wandb_rule
    check_freeze_thaw(top, litsweep, own)
    return parse_rule(with_max_iter(own, space), RULES)


def parse_command(top: Section) -> tuple[str, ...] | None:
    """Return the items of `command:`. Warn of each item that the agent changes."""
    items = top.raw("command")
    if items is None or items == []:
        return None
    if not isinstance(items, list | tuple):
        fix = 'write for example ["${env}", "${interpreter}", "${program}", "${args}"]'
        top.fault("command", "must be a list", fix)
        return None
    for index, item in enumerate(items):
        path = f"command[{index}]"
        if not isinstance(item, str | int | float):
            fix = "put it in quotes, or leave it out"
            top.report.fault(path, "must be text or a number", show(item), fix)
        _check_macros(top, path, str(item))
    return tuple(str(item) for item in items)


def _check_macros(top: Section, path: str, item: str) -> None:
    """Warn of a macro that the agent does not expand: an unknown one, or one inside a longer item."""
    for name in re.findall(r"\$\{([^}]*)\}", item):
        if name.startswith("envvar:"):
            continue
        if item != f"${{{name}}}":
            top.report.warn(path, f"the agent does not expand ${{{name}}} inside {item}")
        elif name not in _MACROS:
            near = did_you_mean(name, _MACROS)
            top.report.warn(path, f"the agent drops {item}, which is not a macro; {near}".rstrip("; "))


def parse_scheduler(top: Section) -> Mapping[str, object] | None:
    """Return `scheduler:`, which lets `wandb sweep-scheduler` choose the runs."""
    fix = "write for example `engine: wandb` under it"
    section = top.section("scheduler", fix) if "scheduler" in top else None
    if section is None:
        return None
    section.refuse_unknown_keys(("engine", "source", "optimizer", "search_space"), "scheduler")
    engine = section.choice("engine", tuple(_SCHEDULERS))
    for key in ("optimizer", "search_space"):
        if key in section and "source" not in section:
            section.fault(key, "needs source", "add `source:` with the Python file that defines it")
    method = top.raw("method")
    if engine and method in tuple(Method) and method not in _SCHEDULERS[engine]:
        allowed = ", ".join(_SCHEDULERS[engine])
        section.fault("engine", f"requires method {allowed}, not {method}", f"write `method: {allowed}`")
    return {str(key): value for key, value in section.content.items()}


def check_controller(top: Section) -> None:
    """Check `controller:`. With `type: local`, `wandb controller` chooses the runs on W&B's cloud."""
    fix = "write for example `type: cloud` under it"
    controller = top.section("controller", fix) if "controller" in top else None
    kind = controller.choice("type", ("local", "cloud")) if controller else None
    if kind == "local":
        rule = "`wandb controller` works on W&B's cloud only; the embedded backend chooses the runs itself"
        top.report.warn("controller.type", rule)
    if "scheduler" in top and kind == "local":
        rule = "cannot be local in a sweep with a scheduler"
        top.report.fault("controller.type", rule, "local", "leave controller out")
    if "scheduler" in top and "early_terminate" in top:
        fix = "leave it out: the scheduler decides which runs to stop"
        top.report.fault("early_terminate", "cannot be combined with a scheduler", "", fix)


def check_rule_of_scheduler(top: Section, litsweep: Section | None) -> None:
    """Report `litsweep: early_terminate` with a scheduler that `litsweep scheduler` did not write."""
    scheduler = top.raw("scheduler")
    if not litsweep or "early_terminate" not in litsweep or not isinstance(scheduler, Mapping):
        return
    if not is_own_scheduler(scheduler):
        fix = "let `litsweep scheduler` write the scheduler, from a sweep with method: bayes"
        litsweep.fault("early_terminate", "has no effect with this scheduler", fix)

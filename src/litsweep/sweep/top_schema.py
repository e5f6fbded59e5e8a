"""The top-level keys of a sweep config that need more than their type checked."""

import re
from collections.abc import Mapping

from litsweep.sweep.method import Method
from litsweep.sweep.section import Section, did_you_mean, show

TEXTS = ("program", "name", "description", "project", "entity", "job", "image_uri", "apiVersion", "kind")
_MAPPINGS = ("parameters", "metric", "early_terminate", "controller", "scheduler", "litsweep")
_KEYS = ("method", "metrics", "run_cap", "command", *_MAPPINGS, *TEXTS)
_OURS = ("seed", "early_terminate", "conditions")
_MOVED = {key: f"{key} under `litsweep:`" for key in _OURS if key not in _KEYS}
_FROM_CLIENT = ("settings", "launch")
"""Keys that the wandb client adds itself, or takes out again before upload."""

_MACROS = (
    *("env", "interpreter", "program", "args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags"),
    *("args_json", "args_json_file", "args_dict", "args_append_hydra", "args_override_hydra"),
)
_SCHEDULERS = {"wandb": ("grid", "random", "bayes"), "optuna": ("custom",), "ax": ("custom",)}


def check_keys(top: Section) -> None:
    """A misspelt or misplaced key is a fault; any other is left alone, as W&B does, with a warning."""
    top.check_keys((*_KEYS, *_FROM_CLIENT), "a sweep config", _MOVED)


def parse_ours(top: Section) -> Section | None:
    """`litsweep:`, the one key that holds everything W&B does not know."""
    fix = "write for example `seed: 7` under it, or leave it out"
    ours = top.section("litsweep", fix) if "litsweep" in top else None
    if ours is not None:
        ours.refuse_unknown_keys(_OURS, "litsweep")
        top.report.warn_for_cloud(
            "litsweep", "is for litsweep's own backend; W&B cloud ignores it, with a warning"
        )
    return ours


def parse_method(top: Section) -> Method:
    """`method:`; some method also where it is faulty."""
    return Method(top.choice("method", tuple(Method)) or Method.CUSTOM)


def parse_command(top: Section) -> tuple[str, ...] | None:
    """`command:`, with a warning for each item that the agent will not take as written."""
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
    """The agent replaces an item that is a macro as a whole, and drops one it does not know."""
    for name in re.findall(r"\$\{([^}]*)\}", item):
        if name.startswith("envvar:"):
            continue
        if item != f"${{{name}}}":
            top.report.warn(path, f"the agent leaves ${{{name}}} as it is inside {item}")
        elif name not in _MACROS:
            near = did_you_mean(name, _MACROS)
            top.report.warn(path, f"the agent drops {item}, which is not a macro; {near}".rstrip("; "))


def parse_scheduler(top: Section) -> Mapping[str, object] | None:
    """`scheduler:`, which lets `wandb sweep-scheduler` choose the runs."""
    section = (
        top.section("scheduler", "write for example `engine: wandb` under it") if "scheduler" in top else None
    )
    if section is None:
        return None
    section.refuse_unknown_keys(("engine", "source", "optimizer", "search_space"), "scheduler")
    engine = section.choice("engine", tuple(_SCHEDULERS))
    for key in ("optimizer", "search_space"):
        if key in section and "source" not in section:
            section.fault(key, "needs source", "add `source:` with the Python file it is in")
    method = top.raw("method")
    if engine and method in tuple(Method) and method not in _SCHEDULERS[engine]:
        allowed = ", ".join(_SCHEDULERS[engine])
        section.fault("engine", f"goes with method {allowed}, not {method}", f"write `method: {allowed}`")
    return {str(key): value for key, value in section.content.items()}


def check_controller(top: Section) -> None:
    """`controller:`, which on W&B's cloud lets `wandb controller` choose the runs, with `type: local`."""
    controller = (
        top.section("controller", "write for example `type: cloud` under it") if "controller" in top else None
    )
    kind = controller.choice("type", ("local", "cloud")) if controller else None
    if kind == "local":
        rule = "`wandb controller` chooses the runs on W&B's cloud only; the embedded backend does it itself"
        top.report.warn("controller.type", rule)
    if "scheduler" in top and kind == "local":
        rule = "cannot be local beside a scheduler"
        top.report.fault("controller.type", rule, "local", "leave controller out")
    if "scheduler" in top and "early_terminate" in top:
        fix = "leave it out: the scheduler decides what to stop"
        top.report.fault("early_terminate", "cannot stand beside a scheduler", "", fix)


def check_carried(top: Section, ours: Section | None) -> None:
    """Our early termination beside a scheduler is for the optimizer that `litsweep scheduler` writes."""
    scheduler = top.raw("scheduler")
    if ours and "early_terminate" in ours and isinstance(scheduler, Mapping) and "optimizer" not in scheduler:
        fix = "let `litsweep scheduler` write the scheduler, from a sweep with method: bayes"
        ours.fault("early_terminate", "is read by nobody beside this scheduler", fix)

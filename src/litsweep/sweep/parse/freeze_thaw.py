"""The parser of what freeze-thaw needs from the rest of a sweep config."""

from litsweep.sweep.parse.method import Method
from litsweep.sweep.parse.section import Section
from litsweep.sweep.space import SearchSpace
from litsweep.sweep.values import is_number

NAME = "freeze_thaw"
_LENGTH = "trainer.max_epochs"
_ONE_AN_EPOCH = {
    "trainer.val_check_interval": ("None", "1.0"),  # the integer 1 is a batch
    "trainer.check_val_every_n_epoch": ("1", "1.0"),
    "trainer.max_steps": ("-1", "-1.0"),
    "trainer.max_time": ("None",),
}
"""The values of other parameters with which a training logs `trainer.max_epochs` values of its metric."""


def with_max_iter(section: Section, space: SearchSpace) -> Section:
    """Return a section `early_terminate`. Freeze-thaw's gets the constant `trainer.max_epochs`."""
    if section.raw("type") != NAME or "max_iter" in section:
        return section
    parameter = space.by_name.get(_LENGTH)
    if parameter is not None and parameter.distribution.size > 1:
        section.fault("max_iter", f"is missing, and {_LENGTH} varies", "write the largest number of epochs")
        return section
    if other := _other_length(space):
        fix = "write the number of values of the metric that a full training logs"
        section.fault("max_iter", f"is missing, and with {other} it is not {_LENGTH}", fix)
        return section
    length = None if parameter is None else parameter.distribution.ppf(0.5)
    if not is_number(length) or length <= 0:  # Lightning's -1 means without end
        section.fault("max_iter", "is missing", f"write a full training's length, or a constant {_LENGTH}")
        return section
    return Section(section.report, section.path, {**section.content, "max_iter": length})


def _other_length(space: SearchSpace) -> str | None:
    """Return a parameter because of which a training may not log one value an epoch."""
    for name, usual in _ONE_AN_EPOCH.items():
        distribution = space.by_name[name].distribution if name in space.by_name else None
        if distribution and (distribution.size > 1 or str(distribution.ppf(0.5)) not in usual):
            return name
    return None


def check_freeze_thaw(top: Section, litsweep: Section, section: Section) -> None:
    """Report a sweep in which runs cannot be paused."""
    if section.raw("type") != NAME:
        return
    for key in ("constraints", "cost", "prior", "transfer"):
        if key in litsweep and litsweep.raw(key) not in ("auto", "off", False):
            litsweep.fault(key, "cannot be combined with freeze_thaw", "leave one of the two out")
    if "scheduler" in top:
        fix = "leave it out, or let litsweep's own server run the sweep, without a scheduler"
        section.fault("type", "cannot work with a scheduler, which does not resume paused runs", fix)
    elif top.raw("method") != Method.BAYES:
        section.fault(
            "type", "needs method: bayes, which chooses the runs to resume", "write `method: bayes`"
        )

"""The parser of what freeze-thaw needs from the rest of a sweep config."""

from litsweep.sweep.parse.method import Method
from litsweep.sweep.parse.section import Section
from litsweep.sweep.space import SearchSpace
from litsweep.sweep.values import is_number

NAME = "freeze_thaw"
_LENGTH = "trainer.max_epochs"


def with_max_iter(section: Section, space: SearchSpace) -> Section:
    """Return a section `early_terminate`. Freeze-thaw's gets the constant `trainer.max_epochs`."""
    if section.raw("type") != NAME or "max_iter" in section:
        return section
    parameter = space.by_name.get(_LENGTH)
    if parameter is not None and parameter.distribution.size > 1:
        section.fault("max_iter", f"is missing, and {_LENGTH} varies", "write the largest number of epochs")
        return section
    length = None if parameter is None else parameter.distribution.ppf(0.5)
    if not is_number(length) or length <= 0:  # Lightning's -1 means without end
        section.fault("max_iter", "is missing", f"write a full training's length, or a constant {_LENGTH}")
        return section
    return Section(section.report, section.path, {**section.content, "max_iter": length})


def check_freeze_thaw(top: Section, litsweep: Section, section: Section) -> None:
    """Report a sweep in which runs cannot be paused."""
    if section.raw("type") != NAME:
        return
    for key in ("constraints", "cost", "prior", "transfer"):
        if key in litsweep and litsweep.raw(key) not in ("auto", "off", False):
            litsweep.fault(key, "cannot be combined with freeze_thaw", "leave one of the two out")
    if "scheduler" in top:
        fix = "leave it out, or let litsweep's own server run the sweep, without a scheduler"
        section.fault("type", "cannot work with a scheduler, which does not go on with a paused run", fix)
    elif top.raw("method") != Method.BAYES:
        section.fault(
            "type", "needs method: bayes, which chooses the runs that go on", "write `method: bayes`"
        )

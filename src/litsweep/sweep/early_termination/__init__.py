"""The registry of the rules that stop runs early, and the parser of `early_terminate:`.

To add a rule, write a file with a subclass of EarlyTerminationRule or CurveRule and add it to RULES.
"""

from collections.abc import Sequence

from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw
from litsweep.sweep.early_termination.hyperband import Hyperband
from litsweep.sweep.early_termination.median import MedianStopping
from litsweep.sweep.early_termination.predictive import PredictiveTermination
from litsweep.sweep.early_termination.rule import EarlyTerminationRule
from litsweep.sweep.early_termination.successive_halving import SuccessiveHalving
from litsweep.sweep.parse.section import Section

RULES: tuple[type[EarlyTerminationRule], ...] = (
    Hyperband,
    SuccessiveHalving,
    MedianStopping,
    PredictiveTermination,
    FreezeThaw,
)


def parse_wandb_rule(section: Section) -> EarlyTerminationRule | None:
    """Parse the top-level `early_terminate:`, which has W&B's rules only; None if there is a fault."""
    if section.raw("type") in [rule.reason.name for rule in RULES if not rule.is_in_wandb]:
        section.fault("type", "is not a rule of W&B", "move early_terminate under `litsweep:`")
        return None
    return parse_rule(section, [rule for rule in RULES if rule.is_in_wandb])


def parse_rule(
    section: Section, allowed: Sequence[type[EarlyTerminationRule]]
) -> EarlyTerminationRule | None:
    """Parse an `early_terminate:` section; None if it has a fault (reported)."""
    by_name = {rule.reason.name: rule for rule in allowed}
    rule = allowed[0] if len(allowed) == 1 else by_name.get(str(section.raw("type")))
    if rule is not None:
        section.refuse_unknown_keys(("type", *rule.keys()), rule.label)
    return None if section.choice("type", by_name) is None or rule is None else rule.parse(section)

"""The rules that stop runs early. An iteration is one logged row with a finite value of the metric."""

from dataclasses import dataclass

from litsweep.sweep.section import Section


@dataclass(frozen=True)
class Hyperband:
    """W&B's hyperband: brackets at `min_iter * eta^i`, or at `max_iter / eta^i` for i = 1..s.

    `strict` compares the value at the bracket instead of the best so far.
    """

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3.0
    strict: bool = True


@dataclass(frozen=True)
class SuccessiveHalving:
    """Asynchronous successive halving (Li et al. 2020, stopping variant): rungs at `min_iter * eta^i`.

    A run goes on where it is among the best 1/eta of those that reached its rung.
    """

    min_iter: int = 1
    max_iter: int | None = None
    eta: float = 3.0


@dataclass(frozen=True)
class MedianStopping:
    """The median rule (Golovin et al. 2017, section 3.2.2).

    From `min_iter` on, a run stops where its best value is worse than the median of the running averages, up
    to the same iteration, of the finished runs; `min_runs` of those are needed first.
    """

    min_iter: int = 1
    min_runs: int = 3


@dataclass(frozen=True)
class PredictiveTermination:
    """Predictive termination (Domhan et al. 2015), by the search's model of the learning curves.

    From `min_iter` on, at rungs, a run stops where its probability of becoming the best is below `chance`.
    """

    min_iter: int = 5
    chance: float = 0.2


_OURS = ("successive_halving", "median", "predictive")

CurveRule = Hyperband | SuccessiveHalving | MedianStopping
"""The rules that compare curves with each other, and need nothing else."""

EarlyTerminate = CurveRule | PredictiveTermination


def parse_hyperband(section: Section) -> Hyperband | None:
    """W&B's own `early_terminate:`; None where it has a fault (reported)."""
    keys = ("type", "min_iter", "max_iter", "s", "eta", "strict")
    if section.raw("type") in _OURS:
        section.fault("type", "is not W&B's", "move early_terminate under `litsweep:`")
        return None
    section.refuse_unknown_keys(keys, "early_terminate")
    if section.choice("type", ("hyperband",)) is None:
        return None
    rule = Hyperband(
        min_iter=_integer(section, "min_iter"),
        max_iter=_integer(section, "max_iter"),
        s=_integer(section, "s"),
        eta=section.above("eta", 1, 3.0) or 3.0,
        strict=section.boolean("strict") is not False if "strict" in section else True,
    )
    return rule if _has_brackets(section, rule) else None


def parse_early_terminate(section: Section) -> EarlyTerminate | None:
    """`early_terminate:` under `litsweep:`, of any type; None where it has a fault (reported)."""
    if section.raw("type") == "hyperband":
        return parse_hyperband(section)
    kind = section.choice("type", ("hyperband", *_OURS))
    if kind is None:
        return None
    if kind == "median":
        section.refuse_unknown_keys(("type", "min_iter", "min_runs"), "median stopping")
        return MedianStopping(
            _integer(section, "min_iter") or MedianStopping.min_iter,
            _integer(section, "min_runs") or MedianStopping.min_runs,
        )
    if kind == "predictive":
        section.refuse_unknown_keys(("type", "min_iter", "chance"), "predictive termination")
        chance = PredictiveTermination.chance
        return PredictiveTermination(
            _integer(section, "min_iter") or PredictiveTermination.min_iter,
            section.share("chance", chance) or chance,
        )
    return _successive_halving(section)


def _successive_halving(section: Section) -> SuccessiveHalving | None:
    section.refuse_unknown_keys(("type", "min_iter", "max_iter", "eta"), "successive halving")
    rule = SuccessiveHalving(
        _integer(section, "min_iter") or SuccessiveHalving.min_iter,
        _integer(section, "max_iter"),
        section.above("eta", 1, SuccessiveHalving.eta) or SuccessiveHalving.eta,
    )
    if rule.max_iter is not None and rule.max_iter <= rule.min_iter:
        section.fault("max_iter", f"must be greater than min_iter={rule.min_iter} to leave a rung")
        return None
    return rule


def _integer(section: Section, key: str) -> int | None:
    return section.integer(key, at_least=1) if key in section else None


def _has_brackets(section: Section, rule: Hyperband) -> bool:
    """W&B's two ways of saying where the brackets are: max_iter with s, or min_iter."""
    report, path = section.report, section.path
    if "min_iter" not in section and not ("max_iter" in section and "s" in section):
        report.fault(path, "hyperband needs min_iter, or max_iter and s", "", "add for example `min_iter: 3`")
        return False
    if rule.max_iter is not None and rule.s is not None:
        if rule.min_iter is not None:
            report.warn(path, "max_iter and s take precedence; min_iter has no effect, as in W&B")
        if rule.max_iter < rule.eta:
            section.fault("max_iter", f"must be at least eta={rule.eta:g} to leave a bracket")
            return False
    elif rule.min_iter is not None and (rule.max_iter is not None or rule.s is not None):
        report.warn(path, "max_iter and s count only together; the brackets come from min_iter")
    return bool(rule.min_iter or (rule.max_iter and rule.s))

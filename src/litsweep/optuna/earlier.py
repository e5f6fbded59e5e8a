"""Earlier studies and sweeps, from which the sampler learns."""

from collections.abc import Iterable
from dataclasses import replace

from optuna import Study

from litsweep.optuna.space import observed, search_space
from litsweep.optuna.trials import FIRST_OBJECTIVE, metrics, runs
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_value, metric_values
from litsweep.sweep.run import Run
from litsweep.sweep.summary import summary_values
from litsweep.sweep.values import show


def earlier_studies(earlier: object) -> tuple[EarlierSweep, ...]:
    """Return earlier studies and sweeps, with the first metric of each as a study's first objective.

    Of a study only the trials count that have ended by now. Raises TypeError for anything else.
    """
    if isinstance(earlier, Study | EarlierSweep) or not isinstance(earlier, Iterable):
        raise TypeError(f"earlier: must be a list of studies, got {show(earlier)}; write earlier=[study]")
    return tuple(_earlier(index, each) for index, each in enumerate(earlier))


def _earlier(index: int, earlier: object) -> EarlierSweep:
    if isinstance(earlier, Study):
        return _of_study(earlier)
    if isinstance(earlier, EarlierSweep):
        return _with_objective(earlier)
    fix = "pass studies of `optuna.load_study`, or litsweep's EarlierSweep(config, runs)"
    raise TypeError(f"earlier[{index}]: must be a Study or an EarlierSweep, got {show(earlier)}; {fix}")


def _of_study(study: Study) -> EarlierSweep:
    ended = [trial for trial in study.get_trials() if trial.state.is_finished()]
    config = SweepConfig(Method.BAYES, search_space(observed(ended), ended), metrics(study))
    return EarlierSweep(config, runs(ended, config), study.study_name)


def _with_objective(sweep: EarlierSweep) -> EarlierSweep:
    """Return the sweep with its first metric under the name of a study's first objective."""
    metric = sweep.config.metric
    if metric is None:
        return sweep
    config = replace(sweep.config, metrics=(replace(metric, name=FIRST_OBJECTIVE),))
    return replace(sweep, config=config, runs=[_renamed(run, metric) for run in sweep.runs])


def _renamed(run: Run, metric: Metric) -> Run:
    best = best_value(summary_values(run.summary, metric.name), metric)
    history = [{FIRST_OBJECTIVE: value} for value in metric_values(run, metric.name)]
    return replace(run, history=history, summary={} if best is None else {FIRST_OBJECTIVE: best})

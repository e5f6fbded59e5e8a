"""Bayesian optimization: what to try next, from a model of the runs so far."""

from litsweep.search.bayes.engine import suggest

__all__ = ["suggest"]

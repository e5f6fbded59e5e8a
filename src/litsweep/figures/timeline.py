"""Which agent ran which run when."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from litsweep.errors import count
from litsweep.figures.figure import Figure, escaped, figure, text_label
from litsweep.figures.markers import DROPPED
from litsweep.figures.scatter import LEGEND
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.figures.theme import role
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import PAUSED, STATE_WORDS, STOPPED_EARLY

MAX_BARS = 300
LANE_HEIGHT, SMALLEST, LARGEST = 22, 180, 640  # pixels
STATE_ROLES: Mapping[str, str] = {
    RunState.FINISHED: "good",
    STOPPED_EARLY: "second",
    RunState.FAILED: "bad",
    RunState.CRASHED: "bad",
    RunState.KILLED: "warn",
    PAUSED: "second",
    RunState.PREEMPTED: "warn",
    RunState.PREEMPTING: "warn",
    RunState.RUNNING: "running",
    RunState.PENDING: "faint",
}
"""The role of the colour of each word for a run's state."""


class _Span(NamedTuple):
    """A run on the time axis, in seconds since 1970. `kind` is its state, or DROPPED."""

    run: RunData
    kind: str
    start: float
    end: float


@dataclass(frozen=True)
class _Bar:
    """A bar of one colour: one run, or the share of a state among several runs."""

    lane: int
    kind: str
    start: float
    end: float
    text: str
    run: str


def has_times(sweep: SweepData) -> bool:
    """Return True if a run has started."""
    return any(run.started is not None for run in sweep.runs)


def timeline(sweep: SweepData) -> Figure:
    """Return a bar for each run, from its start to its end, in the row of its agent.

    The bar of a running run ends at the last start or end of any run. With many runs, a bar shows several.
    """
    lanes = _lanes(sweep)
    bars, merged = _bars(lanes)
    kinds = sorted({bar.kind for bar in bars}, key=_order)
    started = sum(map(len, lanes.values()))
    failed = sum(span.run.is_broken for spans in lanes.values() for span in spans)
    return figure(
        [_trace(kind, [bar for bar in bars if bar.kind == kind]) for kind in kinds],
        x="time (UTC)",
        y="",
        label=f"Timeline of {count(started, 'run')} on {count(len(lanes), 'agent')}, {failed} of them failed",
        note=merged,
        xaxis={"type": "date"},
        yaxis=_agents(lanes),
        barmode="overlay",
        bargap=0.25,
        height=min(LARGEST, max(SMALLEST, 110 + LANE_HEIGHT * len(lanes))),
        margin={"l": 56, "r": 12, "t": 36, "b": 40},
        showlegend=True,
        legend=LEGEND,
        template={"data": {"bar": [_bar_look()]}},
    )


def _lanes(sweep: SweepData) -> Mapping[str, Sequence[_Span]]:
    """Return the runs of each agent by start. The agent that started first comes first."""
    started = [run for run in sweep.runs if run.started is not None]
    last = max((run.ended or run.started or 0.0 for run in started), default=0.0)
    lanes: dict[str, list[_Span]] = {}
    for run in sorted(started, key=lambda run: run.started or 0.0):
        start = run.started or 0.0
        kind = run.state if sweep.matches(run) else DROPPED
        span = _Span(run, kind, start, max(start, last if run.ended is None else run.ended))
        lanes.setdefault(run.agent or run.host or "no agent", []).append(span)
    return lanes


def _bars(lanes: Mapping[str, Sequence[_Span]]) -> tuple[Sequence[_Bar], str]:
    """Return at most about MAX_BARS bars, and a note if some stand for several runs.

    The time is divided into intervals; the runs of an agent that start in the same one share a bar.
    """
    spans = [span for lane in lanes.values() for span in lane]
    if len(spans) <= MAX_BARS:
        return [_own_bar(lane, span) for lane, own in enumerate(lanes.values()) for span in own], ""
    first = min(span.start for span in spans)
    width = _interval(lanes, first, max(span.end for span in spans) - first)
    bars = [bar for lane, own in enumerate(lanes.values()) for bar in _merged(lane, own, first, width)]
    note = f"{len(spans):,} runs in {len(bars)} bars: the colours of a bar are the shares of the states"
    return bars, note


def _interval(lanes: Mapping[str, Sequence[_Span]], first: float, length: float) -> float:
    """Return the length of the shortest intervals that need at most MAX_BARS bars; at most the whole time."""
    starts = [(agent, span.start - first, span.kind) for agent, own in lanes.items() for span in own]
    intervals = max(1, MAX_BARS // len(lanes))
    while intervals > 1:
        width = length / intervals or 1.0
        if len({(agent, int(start / width), kind) for agent, start, kind in starts}) <= MAX_BARS:
            return width
        intervals = intervals * 3 // 4
    return length + 1.0


def _merged(lane: int, spans: Sequence[_Span], first: float, width: float) -> Iterable[_Bar]:
    """Yield the bars of the runs that start in the same interval: one for each state, as long as its runs."""
    intervals: dict[int, list[_Span]] = {}
    for span in spans:
        intervals.setdefault(int((span.start - first) / width), []).append(span)
    for own in intervals.values():
        if len(own) == 1:
            yield _own_bar(lane, own[0])
        else:
            yield from _shares(lane, own)


def _shares(lane: int, spans: Sequence[_Span]) -> Iterable[_Bar]:
    counts = Counter(span.kind for span in spans)
    kinds = sorted(counts, key=_order)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in kinds)
    start, end = spans[0].start, max(span.end for span in spans)
    busy = {kind: sum(span.end - span.start for span in spans if span.kind == kind) for kind in kinds}
    total = sum(busy.values()) or 1.0
    for kind in kinds:
        stop = start + busy[kind] / total * (end - spans[0].start)
        yield _Bar(lane, kind, start, stop, f"{len(spans)} runs: {words}", spans[0].run.name)
        start = stop


def _own_bar(lane: int, span: _Span) -> _Bar:
    minutes = (span.end - span.start) / 60
    text = f"{text_label(span.run.title)}: {escaped(span.run.state)}, {minutes:.3g} min"
    return _Bar(lane, span.kind, span.start, span.end, text, span.run.name)


def _order(kind: str) -> int:
    return STATE_WORDS.index(kind) if kind in STATE_WORDS else len(STATE_WORDS)


def _trace(kind: str, bars: Sequence[_Bar]) -> dict[str, Any]:
    shape = {"shape": "/", "fillmode": "overlay"} if STATE_ROLES.get(kind) == "bad" else {}
    colour = role("line" if kind == DROPPED else STATE_ROLES.get(kind, "soft"))
    return {
        "type": "bar",
        "name": escaped(kind),
        "base": [round(bar.start) * 1000 for bar in bars],
        "x": [max(1, round(bar.end - bar.start)) * 1000 for bar in bars],
        "y": [bar.lane for bar in bars],
        "text": [bar.text for bar in bars],
        "customdata": [bar.run for bar in bars],
        "marker": {"color": colour, "line": {"width": 0.5, "color": role("raised")}, "pattern": shape},
    }


def _bar_look() -> dict[str, Any]:
    """Return what all bars share. The texts are for the pointer only."""
    hover = "%{text}<extra></extra>"
    return {
        "orientation": "h",
        "textposition": "none",
        "hovertemplate": hover,
        "marker": {"pattern": {"size": 5}},
    }


def _agents(lanes: Mapping[str, Sequence[_Span]]) -> dict[str, Any]:
    """Return the axis of the agents, with at most as many names as fit."""
    every = -(-len(lanes) * 12 // (LARGEST - 110))
    names = [text_label(name) for name in lanes]
    return {
        "tickmode": "array",
        "tickvals": list(range(0, len(lanes), max(1, every))),
        "ticktext": names[:: max(1, every)],
        "range": [len(lanes) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }

"""A report of a sweep: one HTML file with its charts and tables, which needs no server and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure
from litsweep.figures.report_tables import best_table, failed_table, runs_table
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import css
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import count_words

MARK = '<meta name="generator" content="litsweep report">'
"""A line of every report, which identifies a file as a report."""

_FILES = Path(__file__).parent / "report_files"
_templates = Environment(
    loader=PackageLoader("litsweep.figures", "report_files"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


@dataclass(frozen=True)
class Tile:
    """A large value at the top of the report."""

    title: str
    value: str
    more: str


@dataclass(frozen=True)
class DrawnChart:
    """A chart of the report. Its figure is drawn by the script."""

    name: str
    title: str
    label: str
    note: str
    min_width: int
    height: int | None

    @classmethod
    def of(cls, chart: Chart, figure: Figure) -> "DrawnChart":
        """Return the chart of a figure."""
        layout = figure["layout"]
        meta = layout.get("meta", {})
        width = int(meta.get("min_width", 0))
        return cls(
            chart.name, chart.title, meta.get("label", ""), meta.get("note", ""), width, layout.get("height")
        )


def report(sweep: SweepData) -> str:
    """Return the report as HTML. Charts have the default values of their options, as on the sweep's page."""
    drawn = {chart: chart.build(sweep) for chart in CHARTS.values() if chart.applies(sweep)}
    return _templates.get_template("report.html").render(
        mark=Markup(MARK),
        sweep=sweep,
        read_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        tiles=_tiles(sweep),
        best=best_table(sweep),
        charts=[DrawnChart.of(chart, figure) for chart, figure in drawn.items()],
        missing=[chart for chart in CHARTS.values() if chart not in drawn],
        runs=runs_table(sweep),
        failed=failed_table(sweep),
        config=yaml.safe_dump(_plain(sweep.config.raw), sort_keys=False, allow_unicode=True),
        figures=_script_json({chart.name: figure for chart, figure in drawn.items()}),
        plotly=_plotly(),
        script=Markup((_FILES / "report.js").read_text(encoding="utf-8")),
        css=Markup(css() + (_FILES / "report.css").read_text(encoding="utf-8")),
    )


def is_report(file: Path) -> bool:
    """Return True if a file is a report, by its first bytes."""
    with file.open("rb") as stream:
        return MARK.encode() in stream.read(1000)


def _tiles(sweep: SweepData) -> Sequence[Tile]:
    counts = count_words(run.state for run in sweep.runs)
    states = ", ".join(f"{n} {word}" for word, n in counts.items())
    tiles = [Tile("Runs", f"{len(sweep.runs):,}", states or "no run yet")]
    for i, metric in enumerate(sweep.config.metrics):
        found = [sweep.runs[run] for run in sweep.best_runs if sweep.runs[run].bests[i] is not None]
        best = max(found, key=lambda run: metric.sign * (run.bests[i] or 0.0), default=None)
        value = format_value(best.bests[i] if best else None)
        tiles.append(
            Tile(
                f"Best {metric.name} ({metric.goal})",
                value,
                best.title if best else sweep.unmet or "no result yet",
            )
        )
    cap = f"at most {sweep.config.max_runs:,} configs" if sweep.config.max_runs is not None else ""
    return [*tiles, Tile("Method", str(sweep.config.method), cap)]


def _plain(value: object) -> object:
    """Return a config with only the types that YAML has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def _script_json(value: Any) -> Markup:
    """Return JSON for a script element. Plotly's encoder writes NaN as null and escapes `<`, `>` and `/`."""
    from plotly.io.json import to_json_plotly

    return Markup(to_json_plotly(value))


def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())

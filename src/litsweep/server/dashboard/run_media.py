"""The media of a run: a panel for each key, with the steps at which it was logged, and one step's content."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from litsweep.figures.figure import Figure
from litsweep.figures.logged_charts import LoggedChart, logged_figure
from litsweep.figures.run_charts import Histogram, histogram_chart, histograms_chart
from litsweep.server.blobs import BlobStore
from litsweep.server.dashboard import stored_files
from litsweep.server.dashboard.logged_tables import LoggedTable, table_view
from litsweep.server.dashboard.rendering import fragment
from litsweep.server.dashboard.run_history import Logged, media_value
from litsweep.server.errors import RequestError
from litsweep.server.files import media_type
from litsweep.server.store.files import FileRecord
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.logged import flat, number

MAX_STEPS = 1_000
MAX_ITEMS = 108
LONGEST_JSON = 20_000
_MAX_JSON = 1 << 24
_NOTHING: Mapping[str, Any] = {
    "title": "",
    "note": "",
    "kind": "",
    "items": [],
    "table": None,
    "is_folded": False,
    "is_open": False,
}
_INTERNAL = ("media/images/mask/", "media/table/", "media/metadata/")


@dataclass(frozen=True)
class Panel:
    """One key of a run's media. `steps` are `(line, step)` of the history, the newest last.

    `chart` is W&B's definition of a chart, which draws the table under `key`. The media of a panel without
    steps is in the summary, or is the file `file`.
    """

    name: str
    key: str
    steps: Sequence[tuple[int, int]] = ()
    chart: Mapping[str, Any] | None = None
    file: str = ""


def panels(
    connection: Connection, run: RunRecord, logged: Logged, stored: Sequence[FileRecord]
) -> list[Panel]:
    """Return the panels of a run: charts and media by name, then images that are only files."""
    summary = {name: value for name, value in flat(run.summary_values) if isinstance(value, Mapping)}
    keys = [name for name in {**logged.media, **summary} if not name.startswith("_")]
    charts = {name: chart for name, chart in _charts(run).items() if _table_key(name, chart) in keys}
    tables = {_table_key(name, chart) for name, chart in charts.items()}
    found = [
        Panel(name, _table_key(name, chart), logged.media.get(_table_key(name, chart), ()), chart)
        for name, chart in charts.items()
    ]
    found += [Panel(key, key, logged.media.get(key, ())) for key in keys if key not in tables]
    return sorted(found, key=lambda panel: panel.name.casefold()) + _loose_images(stored, set(keys))


def _charts(run: RunRecord) -> dict[str, Mapping[str, Any]]:
    match run.config_values.get("_wandb"):
        case {"visualize": dict(charts)}:
            return {name: chart for name, chart in charts.items() if isinstance(chart, dict)}
        case _:
            return {}


def _table_key(name: str, chart: Mapping[str, Any]) -> str:
    """Return the key of a chart's table, as the definition names it."""
    return _argument(chart, "tableKey") or f"{name}_table"


def _argument(query: object, name: str) -> str | None:
    """Return the value of an argument in W&B's query of a chart, at any depth."""
    match query:
        case {"name": named, "value": str(value)} if named == name:
            return value
        case dict():
            inner = list(query.values())
        case list():
            inner = query
        case _:
            return None
    return next((found for each in inner if (found := _argument(each, name))), None)


def _loose_images(stored: Sequence[FileRecord], known: set[str]) -> list[Panel]:
    """Return a panel for each image file that no media object of the run names."""
    loose = []
    for file in stored:
        if not media_type(file.name).startswith("image/") or file.name.startswith(_INTERNAL):
            continue
        logged = stored_files.IMAGE_FILE.fullmatch(file.name)
        if logged is None or not {logged[1], logged[1].replace("/", ".")} & known:
            loose.append(Panel(file.name, file.name, file=file.name))
    return loose


def media_list(
    connection: Connection, run: RunRecord, logged: Logged, stored: Sequence[FileRecord]
) -> list[dict[str, Any]]:
    """Return the name of each panel and the steps that a reader can choose from, the newest last."""
    found = panels(connection, run, logged, stored)
    return [{"name": each.name, "steps": [step for _, step in each.steps[-MAX_STEPS:]]} for each in found]


@dataclass(frozen=True)
class MediaReader:
    """Reads the content of panels."""

    connection: Connection
    store: BlobStore
    run: RunRecord

    def content(self, panel: Panel, query: Mapping[str, str], place: int, start: int) -> dict[str, Any]:
        """Return what a panel shows at one of its steps (`place` in `media_list`), the newest by default."""
        steps = panel.steps[-MAX_STEPS:]
        line, step = steps[min(place, len(steps) - 1)] if steps else (None, None)
        media = {"_type": "image-file", "path": panel.file} if panel.file else self._media(panel.key, line)
        try:
            figures, shown = self._shown(panel, media, query, start)
        except RequestError as error:
            figures, shown = [], {"note": str(error)}
        html = fragment("run/media.html", **{**_NOTHING, "name": panel.name, **shown})
        title = str(shown.get("title", ""))
        return {"name": panel.name, "title": title, "step": step, "figures": figures, "html": html}

    def _media(self, key: str, line: int | None) -> dict[str, Any]:
        if line is not None:
            return media_value(self.connection, self.run, key, line) or {}
        return dict(dict(flat(self.run.summary_values)).get(key) or {})

    def _shown(
        self, panel: Panel, media: dict[str, Any], query: Mapping[str, str], start: int
    ) -> tuple[list[Figure], dict[str, Any]]:
        """Return the figures and the template's values of one media object."""
        kind = stored_files.KINDS.get(str(media.get("_type")), "file")
        if panel.chart is not None:
            return self._chart(panel.chart, media, query, start)
        if kind == "table":
            return [], {"table": table_view(self.connection, self.run, self._table(media), query, start)}
        if kind == "histogram":
            return self._histograms(panel, media), {}
        if kind == "plotly" and (figure := _plotly_figure(self._json(media))):
            return [figure], {}
        items = [self._item(item) for item in _items(media)[:MAX_ITEMS]]
        note = "" if items else json.dumps(media, ensure_ascii=False)[:LONGEST_JSON]
        return [], {"kind": kind, "items": items, "note": note}

    def _item(self, media: Mapping[str, Any]) -> dict[str, Any]:
        item = stored_files.media_item(self.connection, self.run, media)
        return {**item, "boxes": self._boxes(media.get("boxes"))}

    def _boxes(self, groups: object) -> list[dict[str, Any]]:
        """Return the boxes of an image with their place."""
        found = []
        for group in groups.values() if isinstance(groups, dict) else ():
            content = self._json(group) if isinstance(group, dict) else None
            boxes = content.get("box_data") if isinstance(content, dict) else None
            found += [box for each in boxes or () if (box := _box(each))]
        return found

    def _json(self, media: Mapping[str, Any]) -> Any:
        file = stored_files.media_file(self.connection, self.run, media)
        if file is None:
            return None
        try:
            return json.loads(stored_files.read_start(self.connection, self.store, file.blob, _MAX_JSON)[0])
        except (ValueError, RecursionError):
            return None

    def _histograms(self, panel: Panel, media: Mapping[str, Any]) -> list[Figure]:
        newest = _histogram(media)
        shown = [histogram_chart(panel.name, newest)] if newest else []
        every = max(1, len(panel.steps) // 120)
        found = [
            (step, histogram)
            for line, step in panel.steps[::-every][::-1]
            if (histogram := _histogram(media_value(self.connection, self.run, panel.key, line) or {}))
        ]
        if len(found) < 2:
            return shown
        return [histograms_chart(panel.name, *map(list, zip(*found, strict=True))), *shown]

    def _table(self, media: Mapping[str, Any]) -> LoggedTable:
        table = LoggedTable.read(self.connection, self.store, self.run, media)
        if table is None:
            raise RequestError("The table is not uploaded yet.")
        return table

    def _chart(
        self, chart: Mapping[str, Any], media: Mapping[str, Any], query: Mapping[str, str], start: int
    ) -> tuple[list[Figure], dict[str, Any]]:
        table, settings = self._table(media), _mapping(chart.get("panel_config"))
        preset = str(settings.get("panelDefId"))
        fields, texts = (_mapping(settings.get(name)) for name in ("fieldSettings", "stringSettings"))
        figure = logged_figure(LoggedChart(preset, fields, texts, table.columns, table.rows))
        note = f"The Vega specification {preset} is stored at W&B and not here. This is the chart's table."
        return [figure] if figure else [], {
            "title": str(texts.get("title") or ""),
            "note": "" if figure else note,
            "table": table_view(self.connection, self.run, table, query, start),
            "is_folded": figure is not None,
        }


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plotly_figure(found: object) -> Figure | None:
    """Return a logged Plotly figure, or None if it is not one."""
    figure = _mapping(found)
    if not isinstance(figure.get("data"), list):
        return None
    narrow = {"l": 40, "r": 20, "t": 40, "b": 40}
    return {"data": figure["data"], "layout": {"margin": narrow, **_mapping(figure.get("layout"))}}


def _items(media: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the single media objects of a media object, which may be a list."""
    if isinstance(media.get("path"), str):
        return [dict(media)]
    for key in ("audio", "html", "videos", "objects"):
        if isinstance(inner := media.get(key), list):
            return [dict(item) for item in inner if isinstance(item, dict)]
    names, width = media.get("filenames"), media.get("width")
    if not isinstance(names, list):
        return []
    captions, boxes = (media.get(key) or [] for key in ("captions", "all_boxes"))
    alike = {"_type": media.get("_type"), "width": width}
    return [
        {**alike, "path": name, "caption": _at(captions, i), "boxes": _at(boxes, i)}
        for i, name in enumerate(names)
    ]


def _at(values: object, i: int) -> Any:
    return values[i] if isinstance(values, list) and i < len(values) else None


def _box(box: object) -> dict[str, Any] | None:
    """Return the label and the place (left, top, width and height, in percent) of a box."""
    match box:
        case {"position": {"minX": left, "maxX": right, "minY": top, "maxY": bottom}, **more} if not more.get(
            "domain"
        ):
            edges = [number(edge) for edge in (left, top, right, bottom)]
        case _:
            return None
    if any(edge is None or not 0 <= edge <= 1 for edge in edges):
        return None  # in pixels
    x, y, end_x, end_y = (edge or 0.0 for edge in edges)
    label = str(more.get("box_caption") or more.get("class_id") or "")
    sides = {"left": x, "top": y, "width": end_x - x, "height": end_y - y}
    return {"label": label, **{name: round(100 * share, 3) for name, share in sides.items()}}


def _histogram(media: Mapping[str, Any]) -> Histogram | None:
    match media:
        case {"values": [*values], "bins": [*bins]}:
            edges = [number(edge) for edge in bins]
        case {"values": [*values], "packedBins": {"min": low, "size": size, "count": int(count)}}:
            edges = [(number(low) or 0.0) + i * (number(size) or 0.0) for i in range(min(count, 1000) + 1)]
        case _:
            return None
    counts = [number(value) or 0.0 for value in values]
    finite = [edge for edge in edges if edge is not None and abs(edge) < float("inf")]
    if len(counts) < 1 or len(finite) != len(counts) + 1 or finite != sorted(finite):
        return None
    return Histogram(finite, counts)

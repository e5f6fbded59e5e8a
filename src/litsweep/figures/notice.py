"""A figure with a message in place of a chart."""

from litsweep.figures.figure import Figure, escaped, figure
from litsweep.figures.theme import role


def notice(message: str) -> Figure:
    """Return a figure that shows only a message, such as why a model could not be fitted."""
    text = {
        "text": escaped(message),
        "showarrow": False,
        "font": {"size": 13, "color": role("soft")},
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
    }
    hidden = {"visible": False}
    return figure(
        [],
        x="",
        y="",
        label=message,
        note=message,
        xaxis=hidden,
        yaxis=hidden,
        annotations=[text],
        height=140,
    )

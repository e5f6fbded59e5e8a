"""The colours of charts and pages. A figure names a colour by its role, as in `role:accent`."""

from collections.abc import Mapping
from typing import Any

Colours = Mapping[str, str]
"""A colour for each role."""

LIGHT: Colours = {
    "page": "#f6f7f9",
    "raised": "#ffffff",
    "text": "#17191f",
    "soft": "#5b6270",
    "faint": "#b4bac6",
    "line": "#e3e6ec",
    "accent": "#4f46e5",
    "second": "#2563a8",
    "good": "#15803d",
    "running": "#0e7fc0",
    "warn": "#b45309",
    "bad": "#c02626",
    "scale1": "#bd8816",
    "scale2": "#54853a",
    "scale3": "#1a726e",
    "scale4": "#2b5a9b",
    "scale5": "#4a1a7d",
    "series1": "#0067a5",
    "series2": "#c85200",
    "series3": "#00805c",
    "series4": "#a8437f",
    "series5": "#806300",
    "series6": "#2f8fc4",
    "series7": "#4b5263",
    "series8": "#7a1f3d",
}
DARK: Colours = {
    "page": "#101217",
    "raised": "#181b22",
    "text": "#e8eaf0",
    "soft": "#a0a7b5",
    "faint": "#515868",
    "line": "#2a2e38",
    "accent": "#8f8cff",
    "second": "#6aa9ec",
    "good": "#4cc38a",
    "running": "#4db4ec",
    "warn": "#e5a13f",
    "bad": "#f0716f",
    "scale1": "#7d68c4",
    "scale2": "#5890da",
    "scale3": "#45b8a8",
    "scale4": "#9ad65f",
    "scale5": "#fde76a",
    "series1": "#5cb6ec",
    "series2": "#ff8f47",
    "series3": "#35c99b",
    "series4": "#e89bc9",
    "series5": "#e6d84a",
    "series6": "#a9b9ff",
    "series7": "#c4c9d4",
    "series8": "#de8296",
}
SCALE = ("scale1", "scale2", "scale3", "scale4", "scale5")
"""The roles of a scale from the worst to the best, or from low to high."""
SERIES = tuple(f"series{i}" for i in range(1, 9))
"""The roles of things without an order, such as categories, groups and sweeps."""
_PREFIX = "role:"


def role(name: str) -> str:
    """Return the value of a colour attribute of a figure. Raises KeyError for an unknown role."""
    LIGHT[name]
    return _PREFIX + name


def css() -> str:
    """Return a style sheet with one variable for each role, such as `--accent`, for light and dark pages."""
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}"
    return f":root {{ color-scheme: light dark; {_variables(LIGHT)} }}\n{dark}\n"


def _variables(colours: Colours) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def painted(figure: Any, colours: Colours, is_colour: bool = False) -> Any:
    """Return a copy of a figure with colours in place of the roles. Texts outside colour attributes stay."""
    match figure:
        case dict():
            return {
                key: painted(value, colours, is_colour or "color" in key.lower())
                for key, value in figure.items()
            }
        case list() | tuple():
            return [painted(value, colours, is_colour) for value in figure]
        case str() if is_colour and figure.startswith(_PREFIX):
            return colours[figure.removeprefix(_PREFIX)]
        case _:
            return figure

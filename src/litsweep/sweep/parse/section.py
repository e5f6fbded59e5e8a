"""Typed readers for one mapping of a config. A report collects all faults and warnings."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from litsweep.errors import Fault
from litsweep.sweep.parse.yaml_text import write_yaml
from litsweep.sweep.values import is_finite, is_number, show

_SHORTEST_START: Final = 3
_LETTERS_PER_EDIT: Final = 4


@dataclass
class Report:
    """The faults of a config, which make it invalid, and its warnings, which do not."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cloud_warnings: list[str] = field(default_factory=list)

    def fault(self, path: str, rule: str, got: str = "", fix: str = "") -> None:
        """Add a fault."""
        self.faults.append(Fault(path, rule, got, fix))

    def warn(self, path: str, what: str) -> None:
        """Add a warning."""
        self.warnings.append(f"{path}: {what}")

    def warn_for_cloud(self, path: str, what: str) -> None:
        """Add a warning that matters on W&B's cloud only."""
        self.warn(path, what)
        self.cloud_warnings.append(self.warnings[-1])


@dataclass(frozen=True)
class Section:
    """The mapping at `path` of a config. A reader reports a value that breaks its rule, and returns None."""

    report: Report
    path: str
    content: Mapping[object, object]

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def path_of(self, key: object) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else str(key)

    def raw(self, key: str) -> object:
        """Return the value as written; None if it is missing."""
        return self.content.get(key)

    def fault(self, key: str, rule: str, fix: str = "") -> None:
        """Report that the value of `key` breaks a rule."""
        got = show(self.content[key]) if key in self.content else ""
        self.report.fault(self.path_of(key), rule, got, fix)

    def section(self, key: str, fix: str) -> "Section | None":
        """Read a mapping. `fix` says what to write instead of any other value."""
        value = self.raw(key)
        if isinstance(value, Mapping):
            return Section(self.report, self.path_of(key), value)
        self.fault(key, "must be a mapping (`key: value` lines)" if key in self else "is missing", fix)
        return None

    def number(self, key: str, default: float | None = None) -> float | None:
        """Read a finite number."""
        value = self.content.get(key, default)
        if is_finite(value):
            return value
        if key not in self.content:
            self.fault(key, "is missing", f"add `{key}:` with a number")
        else:
            self.fault(key, "must be a number", as_number_fix(value))
        return None

    def number_above(
        self, key: str, bound: float, default: float | None = None, fix: str = ""
    ) -> float | None:
        """Read a finite number greater than `bound`."""
        value = self.number(key, default)
        if value is None or value > bound:
            return value
        self.fault(key, f"must be greater than {bound:g}", fix)
        return None

    def fraction(self, key: str, default: float) -> float | None:
        """Read a number between 0 and 1, both excluded."""
        value = self.number(key, default)
        if value is None or 0 < value < 1:
            return value
        self.fault(key, "must lie between 0 and 1")
        return None

    def integer(self, key: str, at_least: int) -> int | None:
        """Read an integer from `at_least` to 2^63. 3.0 counts as 3."""
        value = self.count(key, at_least)
        if value is None or value <= 2**63:
            return value
        self.fault(key, f"must be an integer from {at_least} to 2^63")
        return None

    def count(self, key: str, at_least: int) -> int | None:
        """Read an integer of at least `at_least`, of any size. 3.0 counts as 3."""
        value = self.raw(key)
        is_whole = is_number(value) and (isinstance(value, int) or (is_finite(value) and int(value) == value))
        if is_number(value) and is_whole and value >= at_least:
            return int(value)
        self.fault(key, f"must be an integer of at least {at_least}", as_number_fix(value))
        return None

    def optional_integer(self, key: str) -> int | None:
        """Read an integer of at least 1; None if the key is missing."""
        return self.integer(key, at_least=1) if key in self else None

    def text(self, key: str) -> str | None:
        """Read a text."""
        value = self.raw(key)
        if isinstance(value, str):
            return value
        self.fault(key, "must be text", f'write it in quotes: {key}: "{write_yaml(value)}"')
        return None

    def boolean(self, key: str) -> bool | None:
        """Read a boolean."""
        value = self.raw(key)
        if isinstance(value, bool):
            return value
        self.fault(key, "must be true or false")
        return None

    def choice(
        self, key: str, allowed: Collection[str], renamed: Mapping[str, str] | None = None
    ) -> str | None:
        """Read one of the allowed words. A fix proposes the new name of a word in `renamed`."""
        value, words = self.raw(key), ", ".join(allowed)
        if isinstance(value, str) and value in allowed:
            return value
        listed = f"one of {words}" if len(allowed) > 1 else words
        if key in self:
            self.fault(key, f"must be {listed}", did_you_mean(value, allowed, renamed))
        else:
            self.fault(key, "is missing", f"add `{key}:` with {listed}")
        return None

    def refuse_unknown_keys(self, allowed: Collection[str], where: str) -> None:
        """Report each key that is not allowed, with the nearest allowed name as the fix."""
        for key in self.content:
            if key not in allowed:
                near = misspelt(key, [name for name in allowed if name not in self])
                fix = f"did you mean {near}?" if near else f"the keys here are {', '.join(allowed)}"
                self.report.fault(self.path_of(key), f"is not a key of {where}", "", fix)

    def check_keys(
        self, allowed: Collection[str], where: str, moved: Mapping[str, str] | None = None
    ) -> None:
        """Report each misspelt key. Warn of any other unknown key, which W&B ignores.

        `moved` maps each key that belongs elsewhere to its place.
        """
        moved = moved or {}
        for key in [key for key in self.content if key not in allowed]:
            place = moved.get(str(key))
            near = None if place else misspelt(key, (*allowed, *moved))
            if near:
                fix = f"did you mean {moved.get(near, near)}?"
                self.report.fault(self.path_of(key), f"is not a key of {where}", "", fix)
            else:
                fix = f"; write {place}" if place else ""
                self.report.warn(self.path_of(key), f"is not a key of {where}, and is ignored{fix}")


def did_you_mean(word: object, allowed: Collection[str], renamed: Mapping[str, str] | None = None) -> str:
    """Return `did you mean …?` for a similar allowed word, or one with the same start; otherwise ""."""
    renamed = renamed or {}
    near = misspelt(word, (*allowed, *renamed)) or _same_start(str(word).lower(), allowed)
    return f"did you mean {renamed.get(near, near)}?" if near else ""


def _same_start(word: str, names: Collection[str]) -> str | None:
    """Return the first name that starts with `word`, or that `word` starts with (`max`, `bayesian`)."""
    pairs = ((name, sorted((word, name), key=len)) for name in names)
    starts = (
        name for name, (short, long) in pairs if len(short) >= _SHORTEST_START and long.startswith(short)
    )
    return next(starts, None)


def misspelt(word: object, names: Collection[str]) -> str | None:
    """Return the nearest name of which `word` is a misspelling; None if there is none.

    Case is ignored, and `-` equals `_`. A name of three letters allows one edit, a longer name one edit for
    each four letters.
    """
    plain, found = _plain(str(word)), []
    for name in names:
        most = max(len(name) // _LETTERS_PER_EDIT, int(len(name) >= _SHORTEST_START))
        if abs(len(name) - len(plain)) <= most and (edits := edit_distance(plain, _plain(name))) <= most:
            found.append((edits, name))
    return min(found, key=itemgetter(0))[1] if found else None


def edit_distance(one: str, other: str) -> int:
    """Return the edit distance of Damerau (1964): deletions, insertions, substitutions, transpositions."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one):
        before, above, row = row, before, [i + 1]
        for j, its in enumerate(other):
            least = min(before[j + 1] + 1, row[j] + 1, before[j] + (letter != its))
            if i and j and letter == other[j - 1] and one[i - 1] == its:
                least = min(least, above[j - 1] + 1)
            row.append(least)
    return row[-1]


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def as_number_fix(value: object) -> str:
    """Return how to write a number that YAML reads as text, such as 1e-4; empty for other values."""
    spelled = yaml_number(value)
    if spelled is None:
        return ""
    cause = "it is in quotes" if spelled == value else f"YAML reads {value} as text"
    return f"{cause}: write {spelled}"


def yaml_number(value: object) -> str | None:
    """Return the spelling that YAML reads as the number in a text; None if the text is not a number.

    YAML 1.1 requires a dot in the mantissa and a sign in the exponent: `1e-4` and `1.0e5` are text.
    """
    number = _number(value) if isinstance(value, str) else None
    if not is_finite(number):
        return None
    mantissa, e, exponent = str(value).strip().lower().partition("e")
    if not e:
        return write_yaml(number)
    sign = "" if exponent[0] in "+-" else "+"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent}"


def _number(text: str) -> float | None:
    for read in (int, float):
        with suppress(ValueError):
            return read(text)
    return None

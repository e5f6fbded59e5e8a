"""Reading one mapping of a config key by key, keeping every fault instead of stopping at the first."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from litsweep.errors import Fault
from litsweep.sweep.values import is_finite, is_number
from litsweep.sweep.yaml_text import write_yaml

_LONGEST_SHOWN: Final = 80
_SHORTEST_START: Final = 3
_LETTERS_PER_SLIP: Final = 4


@dataclass
class Report:
    """What was found wrong (the config cannot run) and what is worth a warning (it can)."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cloud_warnings: list[str] = field(default_factory=list)

    def fault(self, path: str, rule: str, got: str = "", fix: str = "") -> None:
        """Something that cannot be run."""
        self.faults.append(Fault(path, rule, got, fix))

    def warn(self, path: str, what: str) -> None:
        """Something that runs, though perhaps not as meant."""
        self.warnings.append(f"{path}: {what}")

    def warn_for_cloud(self, path: str, what: str) -> None:
        """The same, where it matters on W&B's cloud only."""
        self.warn(path, what)
        self.cloud_warnings.append(self.warnings[-1])


@dataclass(frozen=True)
class Section:
    """One mapping at `path`; each reader reports a fault and answers None where the value breaks its rule."""

    report: Report
    path: str
    content: Mapping[object, object]

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def at(self, key: object) -> str:
        """The path of one of its keys."""
        return f"{self.path}.{key}" if self.path else str(key)

    def raw(self, key: str) -> object:
        """The value as it stands; None where it is missing."""
        return self.content.get(key)

    def fault(self, key: str, rule: str, fix: str = "") -> None:
        """The value of `key` breaks a rule."""
        self.report.fault(self.at(key), rule, show(self.content[key]) if key in self.content else "", fix)

    def section(self, key: str, fix: str) -> "Section | None":
        """A mapping inside this one; `fix` is for whoever wrote something else."""
        value = self.raw(key)
        if isinstance(value, Mapping):
            return Section(self.report, self.at(key), value)
        self.fault(key, "must be a mapping (`key: value` lines)" if key in self else "is missing", fix)
        return None

    def number(self, key: str, default: float | None = None) -> float | None:
        """A finite number."""
        value = self.content.get(key, default)
        if is_finite(value):
            return value
        if key not in self.content:
            self.fault(key, "is missing", f"add `{key}:` with a number")
        else:
            self.fault(key, "must be a number", as_number_fix(value))
        return None

    def above(self, key: str, bound: float, default: float | None = None, fix: str = "") -> float | None:
        """A finite number greater than `bound`."""
        value = self.number(key, default)
        if value is None or value > bound:
            return value
        self.fault(key, f"must be greater than {bound:g}", fix)
        return None

    def share(self, key: str, default: float) -> float | None:
        """A number between 0 and 1, neither included."""
        value = self.number(key, default)
        if value is None or 0 < value < 1:
            return value
        self.fault(key, "must lie between 0 and 1")
        return None

    def integer(self, key: str, at_least: int) -> int | None:
        """An integer from `at_least` to 2^63; 3.0 counts as 3."""
        value = self.count(key, at_least)
        if value is None or value <= 2**63:
            return value
        self.fault(key, f"must be an integer from {at_least} to 2^63")
        return None

    def count(self, key: str, at_least: int) -> int | None:
        """An integer of at least `at_least`, however large; 3.0 counts as 3."""
        value = self.raw(key)
        is_whole = is_number(value) and (isinstance(value, int) or (is_finite(value) and int(value) == value))
        if is_number(value) and is_whole and value >= at_least:
            return int(value)
        self.fault(key, f"must be an integer of at least {at_least}", as_number_fix(value))
        return None

    def text(self, key: str) -> str | None:
        """A text."""
        value = self.raw(key)
        if isinstance(value, str):
            return value
        self.fault(key, "must be text", f'write it in quotes: {key}: "{write_yaml(value)}"')
        return None

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        value = self.raw(key)
        if isinstance(value, bool):
            return value
        self.fault(key, "must be true or false")
        return None

    def choice(
        self, key: str, allowed: Collection[str], renamed: Mapping[str, str] | None = None
    ) -> str | None:
        """One of some words; of those `renamed` a fix proposes the new name."""
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
        """A key that is not one of `allowed` is a fault, with the nearest name as its fix."""
        for key in self.content:
            if key not in allowed:
                near = misspelt(key, [name for name in allowed if name not in self])
                fix = f"did you mean {near}?" if near else f"the keys here are {', '.join(allowed)}"
                self.report.fault(self.at(key), f"is not a key of {where}", "", fix)

    def check_keys(
        self, allowed: Collection[str], where: str, moved: Mapping[str, str] | None = None
    ) -> None:
        """A misspelt key, or one that belongs elsewhere (`moved`), is a fault.

        Any other is left alone with a warning, as W&B does.
        """
        moved = moved or {}
        for key in self.content:
            if key in allowed:
                continue
            near = misspelt(key, (*allowed, *moved))
            if near:
                fix = f"did you mean {moved.get(near, near)}?"
                self.report.fault(self.at(key), f"is not a key of {where}", "", fix)
            else:
                self.report.warn(self.at(key), f"is not a key of {where}, and is ignored")


def show(value: object) -> str:
    """A value as it is told to a person, its type where that is the surprise."""
    shown = repr(value)
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[: _LONGEST_SHOWN - 1] + "…"
    return f"the text {shown}" if isinstance(value, str) else shown


def did_you_mean(word: object, allowed: Collection[str], renamed: Mapping[str, str] | None = None) -> str:
    """`did you mean …?` where an allowed word is near, or one begins with the other (`max`, `bayesian`)."""
    renamed = renamed or {}
    near = misspelt(word, (*allowed, *renamed)) or _same_start(str(word).lower(), allowed)
    return f"did you mean {renamed.get(near, near)}?" if near else ""


def _same_start(word: str, names: Collection[str]) -> str | None:
    pairs = ((name, sorted((word, name), key=len)) for name in names)
    starts = (
        name for name, (short, long) in pairs if len(short) >= _SHORTEST_START and long.startswith(short)
    )
    return next(starts, None)


def misspelt(word: object, names: Collection[str]) -> str | None:
    """The name that a person meant by `word`: with other capitals, or one slip in four letters, or three."""
    plain, found = _plain(str(word)), []
    for name in names:
        most = max(len(name) // _LETTERS_PER_SLIP, int(len(name) >= _SHORTEST_START))
        if abs(len(name) - len(plain)) <= most and (count := slips(plain, _plain(name))) <= most:
            found.append((count, name))
    return min(found, key=itemgetter(0))[1] if found else None


def slips(one: str, other: str) -> int:
    """The edit distance of Damerau (1964): letters left out, added, changed, or swapped with the next."""
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
    """How to write a number that YAML took for text, such as 1e-4."""
    spelled = yaml_number(value)
    if spelled is None:
        return ""
    return (
        f"it is in quotes: write {spelled}"
        if spelled == value
        else f"YAML reads {value} as text: write {spelled}"
    )


def yaml_number(value: object) -> str | None:
    """The spelling that YAML reads as the number a text stands for; None where it stands for none.

    YAML 1.1 wants a dot in the mantissa and a sign in the exponent: `1e-4` and `1.0e5` are text.
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

"""Reader of sweep configs, as JSON or as YAML 1.1 with the wandb client's rules, and writer of YAML."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from litsweep.errors import ConfigError, Fault
from litsweep.sweep.values import check_depth

MOST_DEPTH = 100
MOST_VALUES = 250_000
"""The largest number of values in a config. A value counts again wherever an alias repeats it."""

_SCANNER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
_WRITER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_BARE_MACRO = re.compile(r"""(?<!["'])\$\{""")
_TOO_DEEP = Fault("YAML", f"is nested too deeply (over {MOST_DEPTH} levels), or contains itself", "", "")
_TOO_LARGE = Fault("YAML", f"has more than {MOST_VALUES} values", "", "check its aliases (`*name`)")


class _NotJSONError(ValueError):
    """The text is not JSON, or JSON that means something else in YAML."""


def read_yaml(text: str, what: str) -> object:
    """Return the content of a JSON or YAML text.

    Raises:
        ConfigError: the text is neither (with line and column), has a key twice, or is too large.
    """
    try:
        return _read_json(text) if text.lstrip()[:1] == "{" else _read_yaml(text, what)
    except _NotJSONError:
        return _read_yaml(text, what)
    except RecursionError:
        raise ConfigError(what, [_TOO_DEEP]) from None


def _read_json(text: str) -> object:
    """Read JSON. It has numbers, such as 1e-05, that YAML reads as text. Raise _NotJSONError for YAML."""
    try:
        content = json.loads(text, object_pairs_hook=_mapping, parse_constant=_refuse)
    except ValueError as error:
        raise _NotJSONError from error
    check_depth(content, MOST_DEPTH)
    return content


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _NotJSONError  # the YAML reader says which key is there twice
    return content


def _refuse(constant: str) -> None:
    raise _NotJSONError


def _read_yaml(text: str, what: str) -> object:
    try:
        events = list(_checked(yaml.parse(text, Loader=_SCANNER), what))
        loader = _Composer(events)
        node = loader.get_single_node()
        repeated = list(_repeated_keys(node))
        content = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigError(what, [_fault(error, text)]) from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # The loader raises these for an explicit tag or a date that it cannot construct.
        fault = Fault("YAML", f"cannot be read ({error})", "", "put the value in quotes")
        raise ConfigError(what, [fault]) from None
    if repeated:
        raise ConfigError(what, repeated)
    return content


class _Composer(Composer, SafeConstructor, Resolver):
    """Makes the content of a document from its events."""

    def __init__(self, events: list[yaml.Event]) -> None:
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self._rest = events[::-1]

    def check_event(self, *kinds: type) -> bool:
        """Return True if the next event is one of these kinds."""
        return bool(self._rest) and (not kinds or isinstance(self._rest[-1], kinds))

    def peek_event(self) -> yaml.Event:
        """Return the next event."""
        return self._rest[-1]

    def get_event(self) -> yaml.Event:
        """Return the next event and remove it."""
        return self._rest.pop()


def _checked(events: Iterator[yaml.Event], what: str) -> Iterator[yaml.Event]:
    """Yield the events. Raise ConfigError if the document is too deep or too large, aliases included."""
    sizes: dict[str | None, int] = {}  # by anchor
    total = 0
    opened: list[tuple[str | None, int]] = []  # of each open collection, the anchor and the total before it
    for event in events:
        match event:
            case yaml.AliasEvent():
                if any(anchor == event.anchor for anchor, _ in opened):
                    raise ConfigError(what, [_TOO_DEEP])
                total += sizes.get(event.anchor, 1)
            case yaml.ScalarEvent():
                total += 1
                sizes[event.anchor] = 1
            case yaml.CollectionStartEvent():
                opened.append((event.anchor, total))
                total += 1
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                sizes[anchor] = total - before
        if len(opened) > MOST_DEPTH:
            raise ConfigError(what, [_TOO_DEEP])
        if total > MOST_VALUES:
            raise ConfigError(what, [_TOO_LARGE])
        yield event


def as_yaml(text: str) -> str:
    """Return a JSON text as YAML, so that YAML readers find its numbers. Return any other text as it is."""
    try:
        content = _read_json(text) if text.lstrip()[:1] == "{" else None
    except _NotJSONError:
        return text
    return (
        text if content is None else yaml.dump(content, Dumper=_WRITER, sort_keys=False, allow_unicode=True)
    )


def write_yaml(value: object) -> str:
    """Return `value` as YAML on one line. YAML would read Python's None and 1e-05 as text."""
    try:
        text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    except yaml.YAMLError:  # YAML has no such type
        return repr(value)
    return text.removesuffix("...\n").strip()


def _fault(error: yaml.YAMLError, text: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "YAML"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    fix = "check the indentation, colons and quotes there; use spaces, not tabs"
    if "expected comment or line break" in problem or "expected chomping" in problem:
        fix = 'put a text that begins with > or | in quotes, such as ">= 0.9"'
    elif mark and _BARE_MACRO.search("".join(text.splitlines()[mark.line : mark.line + 1])):
        fix = 'put macros in quotes, such as "${program}"'
    return Fault(where, f"is not YAML ({problem})", "", fix)


def _repeated_keys(root: yaml.Node | None) -> Iterator[Fault]:
    """Yield a fault for each repeated key, of which YAML silently keeps only the last value."""
    nodes, visited = [root], set[int]()
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in visited or isinstance(node, yaml.ScalarNode):
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(reversed(node.value))
            continue
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    where = f"line {key.start_mark.line + 1}, column {key.start_mark.column + 1}"
                    yield Fault(where, f"{key.value} is there twice", "", "keep one of them")
                seen.add(key.value)
        nodes.extend(value for _, value in reversed(node.value))

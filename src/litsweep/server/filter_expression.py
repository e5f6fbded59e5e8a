"""The filter language of the dashboard: Python's comparisons, as in `lr > 0.01 and optimizer == "sgd"`.

An expression is parsed, never evaluated. It becomes the same filter that `wandb.Api().runs(filters=…)` takes
(`run_filters`), so that one evaluator serves both.
"""

import ast
import math
import re
import warnings
from typing import Any

import re2

from litsweep.server.errors import RequestError
from litsweep.server.filter_names import LIST, NUMBER, STATE, TEXT, TIME, Names
from litsweep.server.run_filters import Filter, is_time
from litsweep.sweep.run import STATE_WORDS

LONGEST = 2_000
DEEPEST = 40
SEARCHED = "text"
"""The key of the text that a search looks into."""

_CONSTANTS = {"true": True, "false": False, "null": None, "none": None, "nan": "NaN", "inf": math.inf}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Lt: "$lt",
    ast.LtE: "$lte",
    ast.Gt: "$gt",
    ast.GtE: "$gte",
    ast.Eq: "$eq",
    ast.Is: "$eq",
    ast.NotEq: "$ne",
    ast.IsNot: "$ne",
}
_FLIPPED = {"$lt": "$gt", "$lte": "$gte", "$gt": "$lt", "$gte": "$lte"}
_POSITIVE = {"$ne": "$eq", "$nin": "$in"}
_PATTERNS = {"contains": "{}", "startswith": "^{}", "endswith": "{}$"}
_WORDS = re.compile(r"(?<![\w.])(?:and|or|not|in|is)(?![\w.])")
_SIGNS = re.compile(r"[<>=]|!=|\bin\s*[\[(]|\b\w+\.(?:contains|startswith|endswith|matches)\s*\(")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_UNPAIRED = ("never closed", "unterminated", "unmatched", "does not match")  # in a SyntaxError
_ASSIGNMENT = re.compile(r"(?<![<>=!:])=(?!=)")
_EXAMPLE = 'write for example lr > 0.01 and optimizer == "sgd"'


class FilterError(RequestError):
    """A filter expression is wrong. `position` is the place of the fault, counted in characters from 1."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"filter: {problem} (at character {position})")
        self.position = position


def parse(text: str, names: Names) -> Filter:
    """Return the filter of an expression. A text without operators is searched for in each run.

    Raises:
        FilterError: the expression is wrong, or names an unknown column.
    """
    text = re.sub(r"\s", " ", text).rstrip()
    if len(text) > LONGEST:
        raise FilterError(f"at most {LONGEST} characters, got {len(text)}", LONGEST + 1)
    if not text:
        return {}
    source = _Source(text)
    tree = source.tree()
    return _search(text) if tree is None else _Translator(source, names).condition(tree, 0)


def _search(text: str) -> Filter:
    """Return the filter for runs that have each word, in any case."""
    words = [_containing(word) for word in text.split()]
    return words[0] if len(words) == 1 else {"$and": words}


def _containing(text: str) -> Filter:
    return {SEARCHED: {"$regex": f"(?i){re2.escape(text)}"}}


class _Source:
    """The text of an expression, and the code that Python parses: `=` becomes `==`."""

    def __init__(self, text: str) -> None:
        self._bare = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)
        self._has_signs = _SIGNS.search(self._bare) is not None
        places, code = [0], ["("]
        for place, sign in enumerate(text):
            doubled = "==" if _ASSIGNMENT.match(self._bare, place) else sign
            code.append(doubled)
            places += [place] * len(doubled)
        self._code = "".join(code) + ")"
        self._places = [*places, len(text)]

    def tree(self) -> ast.expr | None:
        """Return the parsed expression, or None for a text to search for."""
        if not (self._has_signs or _WORDS.search(self._bare) or self._bare.strip(" _") == ""):
            return None
        try:
            with warnings.catch_warnings(action="ignore"):
                return ast.parse(self._code, mode="eval").body
        except SyntaxError as error:
            if not self._has_signs:  # words such as "not yet"
                return None
            raise self._syntax_error(error) from None
        except (RecursionError, MemoryError, ValueError):
            raise FilterError("the expression is nested too deeply", 1) from None

    def _syntax_error(self, error: SyntaxError) -> FilterError:
        position = self._position((error.offset or 1) - 1)
        if "too many nested" in error.msg:
            return FilterError("the expression is nested too deeply", position)
        if any(words in error.msg for words in _UNPAIRED):
            return FilterError("a bracket or a quote has no partner", position)
        return FilterError(f'this is not an expression; {_EXAMPLE}, or config["a b"] for any name', position)

    def _position(self, offset: int) -> int:
        last = len(self._places) - 2  # without the bracket at the end
        return self._places[max(0, min(offset, last))] + 1

    def _characters(self, offset: int) -> int:
        """Return the number of characters in the first bytes of the code."""
        return len(self._code.encode()[:offset].decode())

    def position(self, node: ast.expr) -> int:
        """Return the place of a part in the text, counted from 1."""
        return self._position(self._characters(node.col_offset))

    def part(self, node: ast.expr) -> str:
        """Return the text of a part."""
        end = self._characters(node.end_col_offset or 0)
        return self._code[self._characters(node.col_offset) : end]


class _Translator:
    """Translates one expression."""

    def __init__(self, source: _Source, names: Names) -> None:
        self._source = source
        self._names = names

    def condition(self, node: ast.expr, depth: int) -> Filter:
        """Return the filter of a condition."""
        if depth > DEEPEST:
            raise self._error("the expression is nested too deeply", node)
        match node:
            case ast.BoolOp(op=op, values=parts):
                key = "$and" if isinstance(op, ast.And) else "$or"
                return {key: [self.condition(part, depth + 1) for part in parts]}
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return {"$nor": [self.condition(operand, depth + 1)]}
            case ast.Compare(left=left, ops=ops, comparators=right):
                operands = [left, *right]
                parts_ = [self._comparison(operands[i], op, operands[i + 1]) for i, op in enumerate(ops)]
                return parts_[0] if len(parts_) == 1 else {"$and": parts_}
            case ast.Constant(value=str(text)):
                return _containing(text)
            case ast.Call(func=ast.Attribute(value=column, attr=method), args=[argument], keywords=[]):
                return self._method(column, method, argument, node)
            case _:
                return self._flag(node)

    def _flag(self, node: ast.expr) -> Filter:
        """Return the condition that a column is true."""
        name = self._name(node)
        if name is not None and (key := self._names.key(name)):
            return _compare(key, "$eq", True)
        if name is not None and name.isidentifier():
            known = self._hint(name)
            raise self._error(f'there is no column {name}{known}; to search for a text, write "{name}"', node)
        raise self._error(f"this is not a comparison; {_EXAMPLE}", node)

    def _method(self, column: ast.expr, method: str, argument: ast.expr, node: ast.expr) -> Filter:
        if method not in (*_PATTERNS, "matches"):
            known = ", ".join((*_PATTERNS, "matches"))
            raise self._error(f"there is no function {method}; use one of {known}", node)
        key, text = self._key(column), self._value(argument)
        if not isinstance(text, str):
            raise self._error(f"{method} needs a text in quotes", argument)
        if method == "contains":
            return self._contains(key, text)
        pattern = _PATTERNS[method].format(re2.escape(text)) if method in _PATTERNS else text
        return _compare(key, "$regex", pattern)

    def _contains(self, key: str, value: object) -> Filter:
        if self._names.kinds[key] == LIST or not isinstance(value, str):
            return _compare(key, "$eq", value)
        return _compare(key, "$regex", re2.escape(value))

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Filter:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, isinstance(op, ast.NotIn))
        operator = _OPERATORS[type(op)]
        if self._is_value(left):
            left, right, operator = right, left, _FLIPPED.get(operator, operator)
        key = self._key(left)
        if not self._is_value(right):
            raise self._no_value(right)
        value = self._value(right)
        self._check(key, operator, value, right)
        return _compare(key, operator, value)

    def _membership(self, left: ast.expr, right: ast.expr, is_negated: bool) -> Filter:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):
            key, values = self._key(left), [self._value(item) for item in right.elts]
            for value, item in zip(values, right.elts, strict=True):
                self._check(key, "$eq", value, item)
            return _compare(key, "$nin" if is_negated else "$in", values)
        if not self._is_value(left):
            raise self._error('after "in" comes a list, such as [0.1, 0.2]', right)
        found = self._contains(self._key(right), self._value(left))
        return {"$nor": [found]} if is_negated else found

    def _key(self, node: ast.expr) -> str:
        """Return the key of the column that a part of the expression names."""
        name = self._name(node)
        if name is None:
            raise self._error(f"this is not the name of a column; {_EXAMPLE}", node)
        if key := self._names.key(name):
            return key
        raise self._error(f"there is no column {name!r}{self._hint(name)}", node)

    def _hint(self, name: str) -> str:
        nearest = self._names.nearest(name)
        return f"; did you mean {nearest}?" if nearest else ""

    def _name(self, node: ast.expr) -> str | None:
        """Return the name that a part of the expression spells: `lr`, `train/loss` or `config["x y"]`."""
        match node:
            case ast.Subscript(value=ast.Name(id=root), slice=ast.Constant(value=str(rest))):
                return f"{root}.{rest}"
            case ast.Call(func=ast.Name(id=root), args=[ast.Constant(value=str(rest))], keywords=[]):
                return f"{root}.{rest}"
            case ast.Name() | ast.Attribute() | ast.BinOp():
                return self._source.part(node)
            case _:
                return None

    def _is_value(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant() | ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
                return True
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant() | ast.Name() as operand):
                return self._is_value(operand)
            case ast.Name(id=name):
                return name.casefold() in _CONSTANTS and self._names.key(name) is None
            case _:
                return False

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=number)) if (
                isinstance(number, int | float) and not isinstance(number, bool)
            ):
                return -number if isinstance(sign, ast.USub) else number
            case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=name)) if name.casefold() == "inf":
                return -math.inf
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return [self._value(item) for item in items]
            case ast.Dict(keys=keys, values=values):
                return {
                    self._value(key or node): self._value(item)
                    for key, item in zip(keys, values, strict=True)
                }
            case ast.Name(id=name) if self._is_value(node):
                return _CONSTANTS[name.casefold()]
            case _:
                raise self._no_value(node)

    def _no_value(self, node: ast.expr) -> FilterError:
        name = self._name(node)
        if name is not None and name.isidentifier() and self._names.key(name) is None:
            return self._error(f'write a text in quotes: "{name}"', node)
        return self._error("a column can be compared with a number, a text in quotes, or a list", node)

    def _check(self, key: str, operator: str, value: object, node: ast.expr) -> None:
        """Raise FilterError for a value that no run can have."""
        kind, is_number = self._names.kinds[key], isinstance(value, int | float)
        name = key.partition(".")[2] or key
        if value is None or isinstance(value, list | dict) or (kind in (NUMBER, TIME) and value == "NaN"):
            return
        if kind == TIME and not is_number and not is_time(str(value)):
            raise self._error(f'{name} needs a time, such as "2026-05-31" or "2026-05-31T08:00"', node)
        if kind == NUMBER and not is_number:
            raise self._error(f"{name} has numbers; write {name} {_sign(operator)} 0.1", node)
        if kind in (TEXT, STATE, LIST) and is_number and not isinstance(value, bool):
            raise self._error(f'{name} has texts; write {name} {_sign(operator)} "{value}"', node)
        if kind == STATE and operator in ("$eq", "$ne") and value not in STATE_WORDS:
            words = ", ".join(map(str, STATE_WORDS))
            raise self._error(f"there is no state {value!r}; the states are {words}", node)

    def _error(self, problem: str, node: ast.expr) -> FilterError:
        return FilterError(problem, self._source.position(node))


def _sign(operator: str) -> str:
    return {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">=", "$ne": "!="}.get(operator, "==")


def _compare(key: str, operator: str, value: Any) -> Filter:
    """Return the filter for one comparison. `name` is a run's title or its name on the server."""
    if key != "name":
        return {key: value if operator == "$eq" and not isinstance(value, list | dict) else {operator: value}}
    positive = {_POSITIVE.get(operator, operator): value}
    either: Filter = {"$or": [{"title": positive}, {"id": positive}]}
    return {"$nor": [either]} if operator in _POSITIVE else either

"""The text of a sweep config, read as YAML 1.1 by the same loader as the wandb client's."""

import math
from collections.abc import Iterator

import yaml

from litsweep.errors import ConfigError, Fault


def read_yaml(text: str, what: str) -> object:
    """What `text` holds; raises ConfigError, with line and column, where it is not YAML."""
    try:
        repeated = list(_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader)))
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(what, [_fault(error)]) from None
    except RecursionError:
        raise ConfigError(what, [Fault("YAML", "is nested too deeply, or contains itself", "", "")]) from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # The loader leaks these for an explicit tag or a date that it cannot build.
        raise ConfigError(
            what, [Fault("YAML", f"cannot be read ({error})", "", "put the value in quotes")]
        ) from None
    if repeated:
        raise ConfigError(what, repeated)
    return content


def write_yaml(value: object) -> str:
    """`value` as a person writes it on one line: Python's None is text in YAML, and so is its 1e-05."""
    try:
        text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    except yaml.YAMLError:  # of a type that no YAML file holds
        return repr(value)
    return text.removesuffix("...\n").strip()


def _fault(error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "YAML"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    fix = "check the indentation, colons and quotes there; use spaces, not tabs"
    return Fault(where, f"is not YAML ({problem})", "", fix)


def _repeated_keys(node: yaml.Node | None) -> Iterator[Fault]:
    """YAML keeps the last of two equal keys without a word, so half of what was written would be lost."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    where = f"line {key.start_mark.line + 1}, column {key.start_mark.column + 1}"
                    yield Fault(where, f"{key.value} is there twice", "", "keep one of them")
                seen.add(key.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)

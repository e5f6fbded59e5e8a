"""Reader and writer of YAML 1.1, with the wandb client's loader."""

import math
from collections.abc import Iterator

import yaml

from litsweep.errors import ConfigError, Fault


def read_yaml(text: str, what: str) -> object:
    """Return the content of a YAML text. Raises ConfigError, with line and column, if it is not YAML."""
    try:
        repeated = list(_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader)))
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(what, [_fault(error)]) from None
    except RecursionError:
        raise ConfigError(what, [Fault("YAML", "is nested too deeply, or contains itself", "", "")]) from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # The loader raises these for an explicit tag or a date that it cannot construct.
        fault = Fault("YAML", f"cannot be read ({error})", "", "put the value in quotes")
        raise ConfigError(what, [fault]) from None
    if repeated:
        raise ConfigError(what, repeated)
    return content


def write_yaml(value: object) -> str:
    """Return `value` as YAML on one line. YAML would read Python's None and 1e-05 as text."""
    try:
        text: str = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    except yaml.YAMLError:  # YAML has no such type
        return repr(value)
    return text.removesuffix("...\n").strip()


def _fault(error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "YAML"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    fix = "check the indentation, colons and quotes there; use spaces, not tabs"
    return Fault(where, f"is not YAML ({problem})", "", fix)


def _repeated_keys(node: yaml.Node | None) -> Iterator[Fault]:
    """Yield a fault for each repeated key, of which YAML silently keeps only the last value."""
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

"""The flags of agent.py, made from the type hints of the model, the data, the trainer and the run."""

import difflib
import functools
import importlib
import inspect
import os
import sys
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser

from litsweep.errors import ConfigError, Fault
from litsweep.pipeline import flags
from litsweep.pipeline.classifier import ImageClassifier
from litsweep.pipeline.datamodule import ImageDataModule
from litsweep.pipeline.flags import Flag, Hints
from litsweep.pipeline.ranges import AtLeastZero, Seed
from litsweep.sweep.contract import Variable

DESCRIPTION = """Train and test one model. A sweep's parameters are these flags, with the same names.
--model and --data take a class path (my_package.MyModule); the flags below are then those of that class."""

LINKED = ("input_shape", "num_classes")  # arguments of the model that come from the data
WHAT = "the command line of agent.py"
_STRAY = "is neither a flag nor a flag's value"
_MISSING = object()
_AGREE = "leave it out of the command, or out of the sweep's parameters"

T = TypeVar("T")


@dataclass(frozen=True)
class RunOptions:
    """Options of the run itself.

    Args:
        seed: seed of weights, batches and augmentation; on a CPU equal flags, seed and OMP_NUM_THREADS give
            equal metrics.
        monitor: the metric for the best checkpoint and for early stopping; use the metric of the sweep.
        mode: min if lower values of monitor are better, else max; needed if monitor is not val_acc.
        patience: stop after so many values of monitor (usually one per epoch) without a better one; 0: never.
        wandb: auto: WANDB_MODE if it is set, else online under an agent, else disabled.
        checkpoints: folder for best.ckpt and last.ckpt, in SWEEP/RUN, or manual/RUN without a sweep.
        log_model: log checkpoints as W&B artifacts: the best of the sweep, and those of a preempted run, so
            that another machine can resume it.
        images_every_n_epochs: log validation images with predictions every so many epochs; 0: never.
    """

    seed: Seed = 0
    monitor: str = "val_acc"
    mode: Literal["min", "max"] | None = None
    patience: AtLeastZero = 10
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    checkpoints: str = "checkpoints"
    log_model: bool = False
    images_every_n_epochs: AtLeastZero = 5

    @property
    def goal(self) -> Literal["min", "max"]:
        """`max` or `min`: `mode`, or its default."""
        return self.mode or "max"


@dataclass(frozen=True)
class Arguments:
    """A checked command line: its `flags`, and the class paths of the model and the data."""

    parser: LightningArgumentParser
    config: Namespace
    classes: Mapping[str, str]
    flags: tuple[Flag, ...]

    @property
    def options(self) -> RunOptions:
        """The options of the run, without those of model, data and trainer."""
        return RunOptions(**{field.name: self.config[field.name] for field in fields(RunOptions)})

    @property
    def parameters(self) -> dict[str, object]:
        """The value of every flag by its name; nested values are plain lists and dicts."""
        values = {name: _plain(value) for name, value in self.config.as_dict().items()}
        return {**self.classes, **flatten(values)}

    def differences(self, config: Mapping[str, object]) -> list[Fault]:
        """Return a fault for each flag whose value is not the one in a run's `config`."""
        hints, written = hints_of(self.parser), self.parameters
        others = {name: value for name, value in config.items() if value != written.get(name, _MISSING)}
        held = [flag for flag in flags.from_parameters(others, hints) if _is_known(flag.name, hints)]
        return [
            Fault(flag.name, "the sweep and the command line differ", self._both(flag), _AGREE)
            for flag in held
            if flag.value != str(written.get(flag.name)) and not self._has(flag, hints)
        ]

    def _has(self, held: Flag, hints: Hints) -> bool:
        """Return True if adding `held` to the command line would not change its meaning."""
        held, name = flags.spell(held, hints.get(held.name)), flags.root(held.name, hints)
        about = [flag for flag in self.flags if name and flags.root(flag.name, hints) == name]
        last = [flag for flag in about if flag.name == held.name or not flag.name.endswith("+")][-1:]
        if name is None:
            return held.value == "{}"  # no option of a group of flags
        if last == [held]:
            return True
        try:
            config = self.parser.parse_args([str(flag) for flag in (*self.flags, held)])
        except ArgumentError:
            return False
        return bool(config[name] == self.config[name])

    def _both(self, held: Flag) -> str:
        own = [flag.value for flag in self.flags if flag.name == held.name]
        return f"{held.value} (W&B) and {own[-1] if own else self.parameters.get(held.name)}"


def parse(argv: Sequence[str]) -> Arguments:
    """Return the checked command line, completed with the parameters from a sweep's agent.

    Raises ConfigError with every wrong flag. `--help` prints the help and exits.
    """
    words, asked = ["--help" if word == "-h" else word for word in argv], sweep_parameters()
    classes = named_classes([*flags.from_parameters(asked), *flags.read(words)[0]])
    parser = make_parser(classes)
    hints = hints_of(parser)
    given, others = flags.read(words, hints)
    names = {flag.name for flag in given}
    given += [flag for flag in flags.from_parameters(asked, hints) if flag.name not in names]
    spelled = [flags.spell(flag, hints.get(flag.name)) for flag in given if not _names_class(flag)]
    faults = [Fault(word, _STRAY, "", "write --name value or --name=value") for word in others]
    faults += unknown_flags(spelled, hints)
    if faults:
        known = [flag for flag in spelled if _is_known(flag.name, hints)]
        raise ConfigError(WHAT, [*faults, *ill_typed_flags(parser, known)])
    try:
        config = parser.parse_args([str(flag) for flag in spelled])
    except ArgumentError as error:
        faults = ill_typed_flags(parser, spelled)
        unexplained = Fault("agent.py", " ".join(str(error).split()), "", "")
        raise ConfigError(WHAT, faults or [unexplained]) from None
    if config.monitor != RunOptions.monitor and config.mode is None:
        fix = "add --mode max or --mode min"
        raise ConfigError(WHAT, [Fault("mode", f"is needed with --monitor {config.monitor}", "none", fix)])
    return Arguments(parser, config, classes, tuple(spelled))


def named_classes(given: Sequence[Flag]) -> dict[str, str]:
    """Return the last class paths given for `--model` and `--data`."""
    return {flag.name: str(flag.value) for flag in given if _names_class(flag)}


def make_parser(classes: Mapping[str, str]) -> LightningArgumentParser:
    """Return the parser for these classes of model and data, by default those of this package."""
    return _new_parser(classes) if classes else default_parser()


@functools.cache
def default_parser() -> LightningArgumentParser:
    """Return the parser for the model and the data of this package."""
    return _new_parser({})


def _new_parser(classes: Mapping[str, str]) -> LightningArgumentParser:
    model = _class_of("model", classes, ImageClassifier, LightningModule)
    data = _class_of("data", classes, ImageDataModule, LightningDataModule)
    parser = LightningArgumentParser(prog="agent.py", description=DESCRIPTION, exit_on_error=False)
    parser.add_class_arguments(RunOptions, None)
    parser.add_lightning_class_args(model, "model")
    parser.add_lightning_class_args(data, "data")
    parser.add_class_arguments(
        Trainer, "trainer", fail_untyped=False, instantiate=False, sub_configs=True, skip={"logger"}
    )
    parser.set_defaults({"trainer.max_epochs": 10, "trainer.enable_autolog_hparams": False})
    for action in parser._actions:
        if action.dest == "trainer.precision":
            action._typehint = action._typehint | Literal["auto"]  # type: ignore[attr-defined]
            action.help = "`auto`: bf16-mixed on a device that computes with bfloat16, else 32-true"
        if action.dest in ("model", "data"):
            action.metavar, action.help = "CLASS", f"Class path of your own Lightning {action.dest} module."
    for name in LINKED:
        if name in inspect.signature(model).parameters and hasattr(data, name):
            parser.link_arguments(f"data.{name}", f"model.{name}", apply_on="instantiate")
    return parser


def hints_of(parser: LightningArgumentParser) -> dict[str, Any]:
    """Return the type hint of each flag."""
    return {action.dest: getattr(action, "_typehint", None) or action.type for action in parser._actions}


def unknown_flags(given: Sequence[Flag], hints: Hints) -> list[Fault]:
    """Return a fault for each flag that does not exist, with the nearest one that does."""
    return [_unknown(flag, hints) for flag in given if not _is_known(flag.name, hints)]


def ill_typed_flags(
    parser: LightningArgumentParser, given: Sequence[Flag], fixed: Sequence[Flag] = ()
) -> list[Fault]:
    """Return a fault for each flag whose type does not allow its value, given correct flags (`fixed`).

    Each flag is parsed alone, with the flags it depends on: options of a class need its path.
    """
    hints, faults = hints_of(parser), []
    right: dict[str | None, list[Flag]] = {}
    for flag in fixed:
        right.setdefault(flags.root(flag.name, hints), []).append(flag)
    for flag in given:
        root = flags.root(flag.name, hints)
        before = right.setdefault(root, [])
        if flag.value is None and flag.name not in ("help", "print_config"):
            faults.append(Fault(flag.name, "needs a value", "none", f"write --{flag.name}=VALUE"))
        elif _is_refused(parser, [*before, flag], root or flag.name):
            hint = hints.get(flag.name)
            rule = flags.rule(hint, flag.value or "") if hint else f"is not an option of {root}"
            faults.append(Fault(flag.name, rule, repr(flag.value), _near_value(flag, hints)))
        else:
            before.append(flag)
    return faults


def _is_refused(parser: LightningArgumentParser, given: Sequence[Flag], name: str) -> bool:
    """Return True if the parser refuses the last of these flags, which all belong to the flag `name`."""
    try:
        parser.parse_args([str(flag) for flag in given])
    except ArgumentError as error:
        return f'Parser key "{name}' in str(error)
    return False


def sweep_parameters() -> dict[str, object]:
    """Return the sweep parameters of this run; empty if no agent started it."""
    path = os.environ.get(Variable.PARAMETERS_FILE)
    if not path or not Path(path).exists():
        return {}
    written = yaml.safe_load(Path(path).read_text())
    return {
        name: entry["value"]
        for name, entry in written.items()
        if isinstance(entry, dict) and "value" in entry
    }


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return `{"a": {"b": 1}}` as `{"a.b": 1}`."""
    flat: dict[str, object] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold. Classes and functions become their import path."""
    if isinstance(value, Mapping | Namespace):
        items = value.as_dict() if isinstance(value, Namespace) else value
        return {name: _plain(inner) for name, inner in items.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(inner) for inner in value), key=str)
    if isinstance(value, Enum):
        return value.name
    if name := getattr(value, "__qualname__", None):
        return ".".join(filter(None, (getattr(value, "__module__", None), name)))
    return value if isinstance(value, bool | int | float | None) else str(value)


def _class_of(name: str, classes: Mapping[str, str], default: type[T], kind: type) -> type[T]:
    return _import_class(name, classes[name], kind) if name in classes else default


def _names_class(flag: Flag) -> bool:
    is_path = flag.value is not None and all(part.isidentifier() for part in flag.value.split("."))
    return flag.name in ("model", "data") and is_path


def _import_class(name: str, path: str, kind: type) -> Any:
    module, _, attribute = path.rpartition(".")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        fix = "give module.Class, importable from the working directory or PYTHONPATH"
        raise ConfigError(WHAT, [Fault(name, f"cannot import the class ({error})", path, fix)]) from None
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConfigError(WHAT, [Fault(name, f"must be a {kind.__name__}", path, "")])
    return found


def _is_known(name: str, hints: Hints) -> bool:
    return name.removesuffix("+") in hints or flags.root(name, hints) is not None


def _unknown(flag: Flag, hints: Hints) -> Fault:
    name = flag.name
    ending = name.rpartition(".")[2]
    endings = {known: known.rpartition(".")[2] for known in hints}
    initials = {name: "".join(word[:1] for word in its.split("_")) for name, its in endings.items()}
    same = [known for known, its in endings.items() if ending in (its, initials[known])]
    guess = (same or difflib.get_close_matches(name, hints, n=1, cutoff=0.5))[:1]
    fix = f"did you mean {guess[0]}? " if guess else ""
    return Fault(name, "is not a parameter", repr(flag.value), f"{fix}`python agent.py --help` lists all")


def _near_value(flag: Flag, hints: Hints) -> str:
    near = difflib.get_close_matches(str(flag.value), flags.choices(hints.get(flag.name)), n=1)
    return f"did you mean {near[0]}?" if near else ""


def instantiate(arguments: Arguments) -> tuple[LightningModule, LightningDataModule, dict[str, Any]]:
    """Return the model, the data module, and the arguments of the Trainer."""
    made = arguments.parser.instantiate(arguments.config)
    return made.model, made.data, made.trainer.as_dict()

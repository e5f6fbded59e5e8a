"""agent.py's flags, made from the type hints of the model, the data, the trainer and the run."""

import difflib
import importlib
import inspect
import os
import sys
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
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
from litsweep.pipeline.flags import Flag

DESCRIPTION = """Train and test one model. A sweep's parameters are these flags, with the same names.
--model and --data take a class path (my_package.MyModule); the flags below are then those of that class."""

LINKED = ("input_shape", "num_classes")  # what the model is told about the data
WHAT = "the command line of agent.py"

T = TypeVar("T")


@dataclass(frozen=True)
class RunOptions:
    """Options of the run itself.

    Args:
        seed: of weights, batches and augmentation; the same flags and seed give the same metrics on a CPU.
        monitor: the metric that picks the best checkpoint and stops early: use the metric of the sweep.
        mode: whether more or less of it is better; needed when monitor is not val_acc.
        patience: epochs without a better monitor after which training stops; 0: never.
        wandb: auto: what WANDB_MODE says, else online under an agent, else disabled.
        checkpoints: best.ckpt and last.ckpt go to CHECKPOINTS/SWEEP (or "manual")/RUN ID/.
        log_model: log checkpoints as W&B artifacts: the best of the sweep, and a preempted run's, which then
            goes on where CHECKPOINTS is not seen.
        images_every_n_epochs: log a grid of validation images and predictions this often; 0: never.
    """

    seed: int = 0
    monitor: str = "val_acc"
    mode: Literal["min", "max"] | None = None
    patience: int = 10
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    checkpoints: str = "checkpoints"
    log_model: bool = False
    images_every_n_epochs: int = 5

    @property
    def goal(self) -> Literal["min", "max"]:
        return self.mode or "max"


@dataclass(frozen=True)
class Arguments:
    """A command line that has been checked. `classes`: the class paths given for model and data, if any."""

    parser: LightningArgumentParser
    config: Namespace
    classes: Mapping[str, str]

    @property
    def options(self) -> RunOptions:
        return RunOptions(**{field.name: self.config[field.name] for field in fields(RunOptions)})

    @property
    def parameters(self) -> dict[str, object]:
        """Every flag's value under its name; nested values are plain lists and dicts."""
        values = {name: _plain(value) for name, value in self.config.as_dict().items()}
        return {**self.classes, **flatten(values)}


def parse(argv: Sequence[str]) -> Arguments:
    """Check a command line, to which the parameters of a sweep's agent are added where it lacks them.

    Raises ConfigError, naming each wrong flag. `--help` prints and exits.
    """
    given, others = flags.read(["--help" if word == "-h" else word for word in argv])
    names = {flag.name for flag in given}
    given += [flag for flag in flags.from_parameters(sweep_parameters()) if flag.name not in names]
    classes = {flag.name: str(flag.value) for flag in given if _names_class(flag)}
    parser, given = make_parser(given)
    hints = hints_of(parser)
    spelled = [flags.spell(flag, hints.get(flag.name)) for flag in given]
    faults = [_stray(word) for word in others] + unknown_flags(spelled, hints)
    if faults:
        known = [flag for flag in spelled if _is_known(flag.name, hints)]
        raise ConfigError(WHAT, [*faults, *ill_typed_flags(parser, known, hints)])
    try:
        config = parser.parse_args([str(flag) for flag in spelled])
    except ArgumentError as error:
        faults = ill_typed_flags(parser, spelled, hints)
        raise ConfigError(WHAT, faults or [_unexplained(error)]) from None
    if config.monitor != RunOptions.monitor and config.mode is None:
        fix = "add --mode max or --mode min"
        raise ConfigError(
            WHAT, [Fault("mode", f"must be given with --monitor {config.monitor}", "none", fix)]
        )
    return Arguments(parser, config, classes)


def make_parser(given: Sequence[Flag]) -> tuple[LightningArgumentParser, list[Flag]]:
    """Make the parser for the classes that `--model` and `--data` name; return it and the other flags."""
    model, rest = _take_class("model", given, ImageClassifier, LightningModule)
    data, rest = _take_class("data", rest, ImageDataModule, LightningDataModule)
    parser = LightningArgumentParser(prog="agent.py", description=DESCRIPTION, exit_on_error=False)
    parser.add_class_arguments(RunOptions, None)
    parser.add_lightning_class_args(model, "model")
    parser.add_lightning_class_args(data, "data")
    parser.add_class_arguments(
        Trainer, "trainer", fail_untyped=False, instantiate=False, sub_configs=True, skip={"logger"}
    )
    parser.set_defaults({"trainer.max_epochs": 10, "trainer.enable_autolog_hparams": False})
    for action in parser._actions:
        if action.dest in ("model", "data"):
            action.metavar, action.help = "CLASS", f"Class path of your own Lightning {action.dest} module."
    for name in LINKED:
        if name in inspect.signature(model).parameters and hasattr(data, name):
            parser.link_arguments(f"data.{name}", f"model.{name}", apply_on="instantiate")
    return parser, rest


def hints_of(parser: LightningArgumentParser) -> dict[str, Any]:
    """Return the type hint of each flag."""
    return {action.dest: getattr(action, "_typehint", None) or action.type for action in parser._actions}


def unknown_flags(given: Sequence[Flag], hints: Mapping[str, Any]) -> list[Fault]:
    """Say which flags do not exist, with the nearest that do."""
    return [_unknown(flag, hints) for flag in given if not _is_known(flag.name, hints)]


def ill_typed_flags(
    parser: LightningArgumentParser, given: Sequence[Flag], hints: Mapping[str, Any]
) -> list[Fault]:
    """Say which flags have a value that their type does not allow, by trying each alone."""
    faults = []
    for flag in given:
        if flag.value is None and flag.name not in ("help", "print_config"):
            faults.append(Fault(flag.name, "needs a value", "none", f"write --{flag.name}=VALUE"))
            continue
        try:
            parser.parse_args([str(flag)])
        except ArgumentError as error:
            if f'Parser key "{flag.name}' in str(error):
                rule = f"needs {flags.describe(hints.get(flag.name))}"
                faults.append(Fault(flag.name, rule, repr(flag.value), _near_value(flag, hints)))
    return faults


def sweep_parameters() -> dict[str, object]:
    """Return the parameters of the sweep's run that this process is; none when it is not under an agent."""
    path = os.environ.get("WANDB_SWEEP_PARAM_PATH")
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
    """Return a value as JSON can hold it: what is no number, text, list or mapping becomes text."""
    if isinstance(value, Mapping | Namespace):
        items = value.as_dict() if isinstance(value, Namespace) else value
        return {name: _plain(inner) for name, inner in items.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def _take_class(name: str, given: Sequence[Flag], default: type[T], kind: type) -> tuple[type[T], list[Flag]]:
    paths = [str(flag.value) for flag in given if flag.name == name and _names_class(flag)]
    rest = [flag for flag in given if not (flag.name == name and _names_class(flag))]
    return (_import_class(name, paths[-1], kind) if paths else default), rest


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


def _is_known(name: str, hints: Mapping[str, Any]) -> bool:
    if name.removesuffix("+") in hints:
        return True
    parents = [name[:dot] for dot, letter in enumerate(name) if letter == "."]
    return any(
        hints.get(parent) is not None for parent in parents
    )  # an option of a class, trainer.strategy.x


def _unknown(flag: Flag, hints: Mapping[str, Any]) -> Fault:
    name = flag.name
    ending = name.rpartition(".")[2]
    endings = {known: known.rpartition(".")[2] for known in hints}
    same = [known for known, its in endings.items() if ending in (its, _initials(its))]
    guess = (same or difflib.get_close_matches(name, hints, n=1, cutoff=0.5))[:1]
    fix = f"did you mean {guess[0]}? " if guess else ""
    return Fault(
        name, "is not a parameter", repr(flag.value), f"{fix}`python agent.py --help` lists them all"
    )


def _initials(name: str) -> str:
    """Return `lr` for `learning_rate`: how people abbreviate."""
    return "".join(word[:1] for word in name.split("_"))


def _near_value(flag: Flag, hints: Mapping[str, Any]) -> str:
    choices = flags.describe(hints.get(flag.name)).removeprefix("one of ").split(", ")
    near = difflib.get_close_matches(str(flag.value), choices, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _stray(word: str) -> Fault:
    return Fault(word, "is neither a flag nor a flag's value", "", "write --name value or --name=value")


def _unexplained(error: ArgumentError) -> Fault:
    return Fault("agent.py", " ".join(str(error).split()), "", "")


def instantiate(arguments: Arguments) -> tuple[LightningModule, LightningDataModule, dict[str, Any]]:
    """Make the model and the data module; return them and the arguments of the Trainer."""
    made = arguments.parser.instantiate(arguments.config)
    return made.model, made.data, made.trainer.as_dict()

"""`litsweep edit`: change the config of a sweep that may have runs, in an editor or from a file."""

import argparse
import contextlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litsweep.cli.options import add_data_dir, add_json, add_sweep, write_json
from litsweep.cli.server_address import find_sweep, is_embedded
from litsweep.errors import LitsweepError, reason_of
from litsweep.launch.credentials import credentials
from litsweep.launch.protocol import GraphqlApi, SweepPath, no_sweep
from litsweep.sweep.config import parse_sweep, parsed_or_none
from litsweep.sweep.config_change import Home, check_change, differences

_READ = """query Sweep($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $sweep) { id config version state runCount } } }"""
_EDIT = """mutation EditSweep($id: ID, $config: String, $version: Int) {
  upsertSweep(input: {id: $id, config: $config, version: $version}) {
    sweep { version state } configValidationWarnings earlierRunWarnings } }"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    parser.add_argument(
        "--file", type=Path, metavar="YAML", help="the new config (default: edit the present one in $EDITOR)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_data_dir(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


class _Server(GraphqlApi):
    """The embedded backend."""

    def require_embedded(self) -> None:
        """Raise LitsweepError unless this is litsweep's own server."""
        if not is_embedded(self._http, self.base_url):
            fix = "create a new sweep with `wandb sweep --prior_run RUN` for each run to learn from"
            raise LitsweepError(f"{self.base_url} cannot change a sweep that has runs: {fix}")

    def read(self, path: SweepPath) -> Mapping[str, Any]:
        """Return the id, config, version, state and number of runs of a sweep."""
        project = self._call(_READ, entity=path.entity, project=path.project, sweep=path.id)["project"]
        if not (project and project["sweep"]):
            raise no_sweep(str(path), self.base_url)
        return dict(project["sweep"])

    def change(self, sweep: Mapping[str, Any], config: str) -> Mapping[str, Any]:
        """Replace the config of a sweep. Return the new version, the state and the warnings."""
        return dict(self._call(_EDIT, id=sweep["id"], version=sweep["version"], config=config)["upsertSweep"])


def execute(args: argparse.Namespace) -> int:
    """Change a sweep's config after a confirmation. Return 0 if the sweep has the new config."""
    _check_new_config(args.file)
    path = SweepPath.parse(find_sweep(args), {})
    found = credentials()
    server = _Server(found["WANDB_BASE_URL"], found["WANDB_API_KEY"])
    server.require_embedded()
    sweep = server.read(path)
    file = args.file or _edited(str(sweep["config"]), path)
    try:
        return _change(server, path, sweep, file, args)
    except LitsweepError as error:
        if args.file:
            raise
        fix = f"correct {file}, and send it with `litsweep edit {path} --file {file}`"
        raise LitsweepError(f"{error}\nThe sweep is unchanged: {fix}") from None


def _change(
    server: _Server, path: SweepPath, sweep: Mapping[str, Any], file: Path, args: argparse.Namespace
) -> int:
    text = _text(file)
    changes = _differences(path, sweep, text, str(file))
    answer: Mapping[str, Any] = {"sweep": sweep}
    if changes:
        print(f"Changes of sweep {path}:", *changes, sep="\n  ", file=sys.stderr)
        if not (args.yes or _confirms(path)):
            print("The sweep is unchanged.", file=sys.stderr)
            return 1
        answer = server.change(sweep, text)
    if not args.file:
        file.unlink()
    _report(path, sweep, answer, changes)
    state, version = answer["sweep"]["state"].lower(), answer["sweep"]["version"]
    result = {"sweep": str(path), "state": state, "version": version, "changes": list(changes)}
    write_json(args.json, result)
    return 0


def _check_new_config(file: Path | None) -> None:
    """Raise LitsweepError for an unreadable file, or without an editor, before a server is started."""
    if file:
        _text(file)
    else:
        _editor()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LitsweepError(f"cannot read {file} ({reason_of(error)}); name a YAML file") from error


def _edited(config: str, path: SweepPath) -> Path:
    """Return a file with the config as the user has edited it."""
    variable, editor = _editor()
    handle, name = tempfile.mkstemp(prefix=f"sweep-{path.id}-", suffix=".yaml")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(config)
    try:
        code = subprocess.run([*shlex.split(editor), name], check=False).returncode
    except (OSError, ValueError) as error:
        raise LitsweepError(
            f"{variable}={editor}: cannot be started ({reason_of(error)}); correct it, or use --file"
        ) from None
    if code:
        raise LitsweepError(
            f"{editor} ended with code {code}: the sweep is unchanged; your text is in {name}"
        )
    return Path(name)


def _editor() -> tuple[str, str]:
    """Return the variable that names the user's editor, and its value."""
    variable = "VISUAL" if os.environ.get("VISUAL") else "EDITOR"
    editor = os.environ.get(variable)
    if not editor:
        raise LitsweepError("no editor is set: set EDITOR, or pass the new config with --file new.yaml")
    return variable, editor


def _differences(path: SweepPath, sweep: Mapping[str, Any], text: str, file: str) -> Sequence[str]:
    """Return what the new config changes. Raises ConfigError if it is faulty or the sweep refuses it."""
    new = parse_sweep(text, file)
    old = parsed_or_none(str(sweep["config"]))
    if old is None:
        return [f"the whole config, which this version of litsweep cannot read: now that of {file}"]
    if sweep["runCount"]:
        check_change(old, new, Home(str(path.entity), str(path.project)))
    return differences(old, new)


def _confirms(path: SweepPath) -> bool:
    """Ask the user. Raise LitsweepError if there is nobody to ask."""
    if not sys.stdin.isatty():
        raise LitsweepError(f"this changes sweep {path}: add --yes to confirm it")
    with contextlib.suppress(EOFError):
        return input("Change the sweep? [y/N] ").strip().lower() in ("y", "yes")
    return False


def _report(
    path: SweepPath, before: Mapping[str, Any], answer: Mapping[str, Any], changes: Sequence[str]
) -> None:
    for warning in (*answer.get("configValidationWarnings", ()), *answer.get("earlierRunWarnings", ())):
        print(f"warning: {warning}", file=sys.stderr)
    version, state = answer["sweep"]["version"], answer["sweep"]["state"].lower()
    if not changes:
        print(f"Sweep {path} already has this config (version {version})")
        return
    print(f"Sweep {path} ({state}) has version {version} of its config")
    if before["state"] != answer["sweep"]["state"]:
        print(f"It continues: start agents with `litsweep launch {path}`", file=sys.stderr)
    elif state in ("finished", "canceled", "paused"):
        fix = f"resume it with `wandb sweep --resume {path}`"
        print(f"The sweep is {state}, so no run starts; {fix}", file=sys.stderr)

"""The schema as text, and what the fixtures of older versions hold.

`python -m tests.server.schema` records the schema of the code. `docs/architecture.md` says when to do that.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect

from litsweep.server import app
from litsweep.server.store.migrations import VERSION
from litsweep.server.store.tables import metadata

RECORD = Path(__file__).with_name("schema.txt")

assert app  # imports all modules with tables


def of_code() -> str:
    """Return the tables that the code defines, one column, key or index on each line."""
    with create_engine("sqlite://").begin() as connection:
        metadata.create_all(connection)
        return of_database(connection)


def of_database(connection: Connection) -> str:
    """Return the tables of a database. The order of columns and the defaults do not count."""
    found = inspect(connection)
    lines = [f"version {VERSION}"]
    for name in sorted(found.get_table_names()):
        lines += [f"{name} {line}" for line in sorted(_table(found, name))]
    return "\n".join(lines) + "\n"


def _table(found: Any, name: str) -> Iterable[str]:
    for column in found.get_columns(name):
        yield f"column {column['name']} {column['type']}{'' if column['nullable'] else ' NOT NULL'}"
    yield f"primary key {', '.join(found.get_pk_constraint(name)['constrained_columns'])}"
    for _, _, target, column, key, _, on_delete, _ in found.bind.exec_driver_sql(
        f"PRAGMA foreign_key_list({name})"
    ):
        yield f"foreign key {column} -> {target} ({key}) {on_delete}"
    for constraint in found.get_unique_constraints(name):
        yield f"unique {', '.join(constraint['column_names'])}"
    for index in found.get_indexes(name):
        yield f"index {index['name']} ({', '.join(index['column_names'])})"


def answers(source: Path) -> dict[str, Any]:
    """Return what the older version's server answered for a fixture."""
    known: dict[str, Any] = json.loads((source / "answers.json").read_text())
    return known


def pages_of(source: Path) -> list[tuple[str, str]]:
    """Return the kind and the name of each run and sweep of a fixture."""
    return [("sweeps" if "runs" in answer else "runs", name) for name, answer in answers(source).items()]


if __name__ == "__main__":
    RECORD.write_text(of_code())

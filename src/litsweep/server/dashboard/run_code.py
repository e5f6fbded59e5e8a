"""What repeats a run: its command, code, requirements and machine."""

import json
import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from litsweep.server.artifacts import contents, versions
from litsweep.server.blobs import BlobStore
from litsweep.server.dashboard import stored_files
from litsweep.server.store.files import FileRecord
from litsweep.server.store.runs import RunRecord

METADATA = "wandb-metadata.json"
_TEXTS = ("requirements.txt", "diff.patch", "conda-environment.yaml", METADATA, "config.yaml")
_MAX_METADATA = 1 << 20
MAX_CODE_FILES = 200


def facts(connection: Connection, store: BlobStore, run: RunRecord) -> list[tuple[str, str]]:
    """Return the labels and texts of where and how a run was started, without unknown ones."""
    data = _metadata(connection, store, run)
    git = data["git"] if isinstance(data.get("git"), dict) else {}
    program = str(data.get("program") or run.program or "")
    args = data["args"] if isinstance(data.get("args"), list) else []
    found = {
        "Command": f"{program} {shlex.join(map(str, args))}".strip(),
        "Python": data.get("python"),
        "Executable": data.get("executable"),
        "Host": data.get("host") or run.host,
        "Operating system": data.get("os"),
        "CPU": _cpu(data),
        "GPU": _gpu(data),
        "CUDA": data.get("cudaVersion") or data.get("cuda"),
        "Git commit": git.get("commit") or run.commit,
        "Git repository": git.get("remote") or run.repo,
        "Folder": data.get("root"),
    }
    return [(label, str(text)) for label, text in found.items() if text]


def _metadata(connection: Connection, store: BlobStore, run: RunRecord) -> dict[str, Any]:
    file = stored_files.run_file(connection, run, METADATA)
    if file is None:
        return {}
    try:
        data = json.loads(stored_files.read_start(connection, store, file.blob, _MAX_METADATA)[0])
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _cpu(data: dict[str, Any]) -> str:
    model = data["cpu"].get("model") if isinstance(data.get("cpu"), dict) else None
    count = data.get("cpu_count_logical") or data.get("cpu_count")
    return ", ".join(str(part) for part in (model, count and f"{count} cores") if part)


def _gpu(data: dict[str, Any]) -> str:
    count, name = data.get("gpu_count"), data.get("gpu")
    return f"{count} x {name}" if name and isinstance(count, int) and count > 1 else str(name or "")


def code_files(connection: Connection, run: RunRecord, stored: Sequence[FileRecord]) -> list[dict[str, str]]:
    """Return the files with code and requirements, of the run and of its code artifacts.

    `query` is the end of the address of its text.
    """
    names = [file.name for file in stored if file.name in _TEXTS or file.name.startswith("code/")]
    names.sort(key=lambda name: (_TEXTS.index(name) if name in _TEXTS else -1, name))
    logged = [record for record in versions.outputs_of(connection, run.id) if record.type == "code"]
    within = [
        (file.name, str(record.id))
        for record in logged
        for file in contents.page(connection, record.id, [], None, MAX_CODE_FILES)
        if file.blob
    ]
    found = [*within, *((name, "") for name in names[:MAX_CODE_FILES])]
    return [
        {"name": name, "query": "/text?" + urlencode({"name": name, "artifact": artifact})}
        for name, artifact in found
    ]

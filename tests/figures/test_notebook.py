"""The notebook of the documentation runs as it is, against a server."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs/figures.ipynb"


def notebook_of_the_documentation() -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def test_the_notebook_runs(
    module_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    notebook = notebook_of_the_documentation()
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=module_env)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = [output for output in outputs if "application/vnd.plotly.v1+json" in output.get("data", {})]
    assert len(figures) == 5
    assert (tmp_path / "best.html").exists()


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = notebook_of_the_documentation()
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)

"""The stock client in several versions, and the table of what was tried."""

import re
from pathlib import Path

import pytest

from tests.compat import versions
from tests.compat.client_flows import FLOWS


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", versions.VERSIONS)
def test_the_main_flows(version: str, tmp_path: Path) -> None:
    try:
        client = versions.install(version, tmp_path / "env")
    except versions.NoClientError as error:
        pytest.skip(f"wandb {version} cannot be installed: {error}")
    failed = {flow: said for flow, said in versions.try_all(client, tmp_path).items() if said is not None}
    assert not failed, "\n".join(f"{client.version} {flow}:\n{said}" for flow, said in failed.items())


def test_the_table_lists_the_versions_and_flows_that_the_test_uses() -> None:
    _, begin, rest = versions.DOCUMENT.read_text().partition(versions.BEGIN)
    table, end, _ = rest.partition(versions.END)
    assert begin and end, "the document has no marks around the table"
    head, rule, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert tuple(head) == versions.HEADINGS and set(rule) == {"---"}
    assert tuple(re.sub(r" \(\d+\.\d+\.\d+\)$", "", client) for client, *_ in rows) == versions.VERSIONS
    for _, *results, date in rows:
        assert set(results) <= {versions.WORKS, versions.FAILS} and len(results) == len(FLOWS)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_the_document_describes_each_flow() -> None:
    text = versions.DOCUMENT.read_text()
    assert [flow for flow in FLOWS if f"* `{flow}`:" not in text] == []


def test_the_flows_import_only_the_client() -> None:
    script = Path(versions.__file__).with_name("client_flows.py").read_text()
    imported = re.findall(r"^ *(?:import|from) (\w+)", script, re.MULTILINE)
    assert set(imported) <= {"re", "subprocess", "sys", "time", "collections", "pathlib", "typing", "wandb"}

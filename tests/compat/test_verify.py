"""`wandb verify`, W&B's own check of a self-hosted server."""

from pathlib import Path

import pytest

from tests.compat.stock import Env, wandb
from tests.live_server import LiveServer


@pytest.mark.slow
def test_wandb_verify(client_env: Env, tmp_path: Path) -> None:
    env = {**client_env, "TMPDIR": str(tmp_path)}
    done = wandb("verify", env=env, folder=tmp_path, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if "❌" in line]
    # These two are notes: the server speaks http, and a proxy before it speaks https.
    assert [line.partition("..")[0] for line in failed] == [
        "Checking requests to base url",
        "Checking requests made over signed URLs",
    ]


def test_a_large_operation_is_answered(module_server: LiveServer) -> None:
    """`wandb verify` sends a query with ten million characters, under a name that the schema lacks."""
    query = """query Project($entity: String!, $desc: String!) {
      project(entityName: $entity, name: "verify") { run(name: "", desc: $desc) { name } } }"""
    assert module_server.graphql(query, entity="local", desc="a" * 10**7) == {"project": None}

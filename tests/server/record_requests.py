"""Record what the stock client sends, for the fuzz tests: python -m tests.server.record_requests

The result, `stock_requests.json`, has one request of each GraphQL operation and of each other route, in
order. `SWEEP` stands for the name of the sweep, and `AGENT` for the id of its agent.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests import live_server
from tests.compat.stock import create_sweep, python, wandb
from tests.conftest import client_environment

RECORDED = Path(__file__).with_name("stock_requests.json")

LOGGING = """
import json as _json
from litsweep.server import app as _app
_create = _app.create_app
def create_app(settings):
    inner = _create(settings)
    class Recorder:
        state = inner.state
        async def __call__(self, scope, receive, send):
            if scope["type"] != "http":
                return await inner(scope, receive, send)
            chunks = []
            async def read():
                message = await receive()
                chunks.append(message.get("body", b""))
                return message
            await inner(scope, read, send)
            with open(settings.data_dir / "requests", "a") as file:
                body = b"".join(chunks).decode(errors="replace")
                file.write(_json.dumps([scope["method"], scope["path"], body]) + "\\n")
    return Recorder()
import litsweep.server.serve as _serve
_serve.create_app = create_app
"""

SCRIPT = """
import wandb, tempfile, pathlib, os
os.environ["WANDB_ARTIFACT_DIR"] = tempfile.mkdtemp()
config = {"lr": 0.1, "net": {"depth": 3}}
with wandb.init(project="p", id="first", tags=["a"], notes="n", group="g", config=config) as run:
    run.define_metric("loss", summary="min")
    for step in range(5):
        run.log({"loss": 1 / (step + 1), "epoch": step})
    pathlib.Path("file.txt").write_text("text")
    wandb.save("file.txt")
    artifact = wandb.Artifact("data", "dataset", metadata={"rows": 3})
    artifact.add_file("file.txt")
    run.log_artifact(artifact, aliases=["best"]).wait()
with wandb.init(project="p", id="second") as run:
    used = run.use_artifact("data:latest")
    used.download()
    run.link_artifact(used, "linked")
with wandb.init(project="p", id="first", resume="must") as run:
    run.log({"loss": 0.01})
with wandb.init(project="p", resume_from="first?_step=2") as run:
    run.log({"loss": 0.01})
with wandb.init(project="p", fork_from="first?_step=1", id="forked") as run:
    run.log({"loss": 0.01})
api = wandb.Api()
api.viewer, api.default_entity, [item for item in api.projects()]
run = api.run("p/first")
run.config["new"] = 1
run.summary["best"] = 2
run.update()
run.history(), run.history(stream="system")
[item for item in run.scan_history()], [item for item in run.scan_history(keys=["loss"])]
[item for item in run.files()], run.file("file.txt"), [item for item in run.logged_artifacts()]
[item for item in api.run("p/second").used_artifacts()]
filters = {"$and": [{"config.lr": {"$lt": 1}}, {"state": {"$in": ["finished"]}}, {"name": {"$regex": "r.*"}}]}
[item for item in api.runs("p", filters=filters, order="-summary_metrics.loss", per_page=5)]
len(api.runs("p"))
artifact = api.artifact("p/data:latest")
artifact.aliases.append("x")
artifact.description = "d"
artifact.tags.append("t")
artifact.save()
artifact.aliases.remove("x")
artifact.save()
artifact.logged_by(), artifact.used_by(), [item for item in artifact.files()]
for kind in api.artifact_types("p"):
    for collection in kind.collections():
        collection.description = "d"
        collection.tags = ["c"]
        collection.save()
        collection.tags = []
        collection.save()
        [item for item in collection.artifacts()]
api.artifact_exists("p/data:v0"), api.artifact_collection("dataset", "p/data")
draft = artifact.new_draft()
path = pathlib.Path("more.txt")
path.write_text("more")
draft.add_file("more.txt")
with wandb.init(project="p", id="third") as run:
    run.log_artifact(draft).wait()
api.artifact("p/linked:v0").unlink()
api.artifact("p/data:v1").delete(delete_aliases=True)
sweep = api.sweep("p/SWEEP")
[item for item in sweep.runs], sweep.best_run(), sweep.order, sweep.name, sweep.config, sweep.state
[item for item in api.project("p").sweeps()]
[[run for run in agent.runs()] for agent in sweep.agents()]
run.stop() if hasattr(run, "stop") else None
next(iter(api.run("p/first").files())).delete()
api.run("p/third").delete(delete_artifacts=True)
"""
TRAIN = "import wandb\nwith wandb.init() as run:\n    run.log({'loss': run.config['lr']})\n"
SWEEP = """
program: train.py
method: random
metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3}
parameters: {lr: {min: 0.0, max: 1.0}, net: {parameters: {depth: {values: [1, 2]}}}}
"""


def record(folder: Path) -> list[list[str]]:
    """Return method, path and body of every request of the stock client."""
    live_server.SERVE = live_server.SERVE.replace("logging.basicConfig", LOGGING + "\nlogging.basicConfig")
    server = live_server.LiveServer(folder / "server")
    server.start()
    try:
        env = client_environment(server, folder)
        (folder / "train.py").write_text(TRAIN)
        sweep = create_sweep(SWEEP, env, folder)
        name = sweep.rpartition("/")[2]
        for command in (["agent", "--count", "1"], ["sweep", "--pause"], ["sweep", "--resume"]):
            print(wandb(*command, sweep, env=env, folder=folder).stderr[-500:], file=sys.stderr)
        print(python(SCRIPT.replace("SWEEP", name), env, folder).stderr[-2000:], file=sys.stderr)
        wandb("sweep", "--stop", sweep, env=env, folder=folder)
        log = (server.data_dir / "requests").read_text()
        log = log.replace(name, "SWEEP").replace(str(folder), "/folder")
        return [json.loads(line) for line in log.splitlines()]
    finally:
        server.stop()


def _kind(method: str, path: str, body: str) -> str:
    """Return what distinguishes requests: the operation, or the route."""
    if path.startswith("/blobs/"):
        return f"{method} blob"
    if path != "/graphql":
        return f"{method} {path}"
    sent: dict[str, Any] = json.loads(body)
    given = sorted(name for name, value in (sent.get("variables") or {}).items() if value is not None)
    return f"{sent['query']} {given}"


def _scrubbed(method: str, path: str, body: str) -> list[str]:
    """Return the request without what describes the machine."""
    if path.startswith("/blobs/"):
        return [method, "/blobs/KEY/file.txt", "text" if body else ""]
    if path == "/graphql":
        sent = json.loads(body)
        variables = sent.get("variables") or {}
        if str(variables.get("config")).startswith("{"):
            config = json.loads(variables["config"])
            for key in ("e", "session_id", "code_path"):
                config.get("_wandb", {}).get("value", {}).pop(key, None)
            variables["config"] = json.dumps(config)
        if "runState" in variables:
            variables["id"] = "AGENT"
        body = json.dumps(sent)
    return [method, path, body]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = record(Path(folder))
    kinds: dict[str, list[str]] = {}
    for request in found:
        if request[1] != "/healthz":
            kinds.setdefault(_kind(*request), _scrubbed(*request))
    RECORDED.write_text(json.dumps(list(kinds.values()), indent=0) + "\n")
    print(f"{len(kinds)} kinds of requests in {RECORDED}")


if __name__ == "__main__":
    main()

"""Runs that send what a client would, without its processes, so that one machine can have 64 at a time."""

from collections import Counter

from tests.launch.conftest import Bench

TINY = """
import base64, json, os, time, urllib.request
from pathlib import Path
run, entity, project = (os.environ["WANDB_" + name] for name in ("RUN_ID", "ENTITY", "PROJECT"))
key = base64.b64encode(f"api:{os.environ['WANDB_API_KEY']}".encode()).decode()
headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
upsert = '''mutation UpsertBucket($name: String, $project: String, $entity: String, $sweep: String) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, sweep: $sweep}) {
    bucket { id } } }'''

def post(path, body):
    url = os.environ["WANDB_BASE_URL"] + path
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    for _ in range(20):
        try:
            return urllib.request.urlopen(request, timeout=60).read()
        except OSError:
            time.sleep(1)
    raise SystemExit("the server does not answer")

def note(folder):
    Path(folder).mkdir(exist_ok=True)
    with Path(folder, run).open("a") as lines:
        lines.write(f"{os.getpid()}\\n")

def log(step):
    row = json.dumps({"loss": float(step), "_step": step})
    post(stream, {"files": {"wandb-history.jsonl": {"offset": step, "content": [row]}}})

stream = f"/files/{entity}/{project}/{run}/file_stream"
names = {"name": run, "project": project, "entity": entity, "sweep": os.environ["WANDB_SWEEP_ID"]}
note("starts")
post("/graphql", {"query": upsert, "variables": names})
log(0)
for step in range(1, 200):
    if Path("release").exists():
        break
    time.sleep(2)
    log(step)
post(stream, {"complete": True, "exitcode": 0})
note("ends")
"""
"""A program that runs until a file `release` is there. Each start and each end adds a line to a file."""


def starts(made: Bench) -> Counter[str]:
    """Return how often each run started."""
    return _lines(made, "starts")


def ends(made: Bench) -> Counter[str]:
    """Return how often each run ended by itself."""
    return _lines(made, "ends")


def _lines(made: Bench, folder: str) -> Counter[str]:
    return Counter({file.name: file.read_text().count("\n") for file in (made.folder / folder).glob("*")})

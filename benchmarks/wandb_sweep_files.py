"""Record what W&B's own engine makes of the sweep files in tests/compat/sweep_files.

    python benchmarks/wandb_sweep_files.py --env /tmp/environments

Writes `wandb.json` beside the files: the schema's objections to each file and the engine's first three
configs. The engine lists a grid in memory, so the script skips configs of a grid that does not fit there.
`--env` is the folder of the engine's environment, made on first use.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import yaml
from wandb_parity import Engine

FILES = Path(__file__).parents[1] / "tests" / "compat" / "sweep_files"


def main() -> None:
    """Ask the engine about each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--env", type=Path, required=True)
    engine = Engine(parser.parse_args().env)
    answers = {
        path.name: answer(engine, yaml.safe_load(path.read_text())) for path in sorted(FILES.glob("*.yaml"))
    }
    (FILES / "wandb.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


def answer(engine: Engine, config: dict[str, Any]) -> dict[str, Any]:
    """The schema's objections, and three configs or the error in their place."""
    objections = engine.ask({"ask": "schema", "config": config})
    if (
        config["method"] == "grid"
        and math.prod(len(entry["values"]) for entry in config["parameters"].values()) > 1e6
    ):
        return {"objections": objections, "configs": {"error": "the grid does not fit into memory"}}
    if config["method"] == "grid":
        return {
            "objections": objections,
            "configs": engine.ask({"ask": "grid", "config": config, "runs": [], "n": 3}),
        }
    runs: list[dict[str, Any]] = []
    for seed in range(3):
        found = engine.ask({"ask": "suggest", "config": config, "runs": runs, "seed": seed})
        runs.append(
            {"name": f"r{seed}", "state": "running", "config": found.get("answer", {}), "history": []}
        )
    return {"objections": objections, "configs": {"answer": [run["config"] for run in runs]}}


if __name__ == "__main__":
    main()

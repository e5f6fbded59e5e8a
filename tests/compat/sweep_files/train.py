"""The program of these sweeps: takes any arguments and logs the metrics that the sweeps name."""

import json
import os
import sys

import wandb

NAMES = ("acc", "loss", "val_acc", "val_loss", "Val Acc", "val/acc", "top_acc", "f1-score")

with wandb.init() as run:
    run.define_metric("top_acc", summary="max")
    for step in range(3):
        value = 0.5 + step / 10
        nested = {"val": {"loss": value}, "eval": {"f1": {"macro": value}}}
        run.log({**dict.fromkeys(NAMES, value), **nested, "epoch": step})
    run.summary["best_acc"] = 0.75
    run.summary["final"] = {"score": 0.25}
    run.summary["argv"] = json.dumps(sys.argv[1:])
    run.summary["passed"] = os.environ.get("PASSED", "")

"""Which of the plain programs that SIGTERM reaches have finished, and which go on in the next launch."""

import json
import signal
from collections import Counter

import pytest

from tests.launch.conftest import Bench, MakeBench
from tests.launch.processes import launched, wait_until

# Each way to end. `done` counts the whole trainings, and `signals` the signals that handlers saw.
PROGRAM = """
import os, signal, sys, time, wandb
from pathlib import Path

def note(name):
    with Path(name).open("a") as lines:
        lines.write(way + "\\n")

def on_signal(*_):
    note("signals")
    asked.append(1)
    if way == "exits-in-handler":  # as Lightning's exception does
        sys.exit()

way, asked = sys.argv[1].partition("=")[2], []
if way == "ignores":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif way != "dies":
    signal.signal(signal.SIGTERM, on_signal)
with wandb.init(resume="allow") as run:
    run.log({"loss": 1.0})
    if way != "has-finished":
        note("starts")
    while not (asked and way in ("stops", "stops-with-143", "says-completed")):
        if way == "has-finished" or not Path("wait").exists():
            note("done")
            break
        time.sleep(0.05)
    if asked and way == "says-completed":
        run.summary["stop_reason"] = "completed"
        note("done")
if way == "has-finished":
    note("starts")
    while Path("wait").exists():
        time.sleep(0.05)
sys.exit(143 if asked and way == "stops-with-143" else 0)
"""
CUT = {"stops", "stops-with-143", "exits-in-handler", "dies"}
WHOLE = {"ignores", "has-finished", "says-completed"}


def lines(made: Bench, name: str) -> Counter[str]:
    file = made.folder / name
    return Counter(file.read_text().splitlines() if file.exists() else [])


@pytest.mark.parametrize("agent", ["warm", pytest.param("stock", marks=pytest.mark.slow)])
def test_a_program_that_sigterm_ends_is_preempted_unless_it_has_finished(
    bench: MakeBench, agent: str
) -> None:
    """One that ends by itself in that moment, and could have noticed SIGTERM, runs again."""
    ways = sorted(CUT | WHOLE)
    made = bench(PROGRAM, method="grid", parameters={"way": {"values": ways}})
    wait = made.folder / "wait"
    wait.touch()
    with launched(made, str(len(ways)), agent=agent) as launcher:
        wait_until(lambda: lines(made, "starts").total() == len(ways))
        launcher.send_signal(signal.SIGTERM)
        handled = (CUT | WHOLE) - {"dies", "ignores", "has-finished"}
        wait_until(lambda: set(lines(made, "signals")) == handled, seconds=20)
        wait.unlink()
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert lines(made, "signals") == Counter(handled)
    states = {json.loads(run["config"])["way"]["value"]: run["state"] for run in made.runs()}
    assert states == dict.fromkeys(CUT, "preempted") | dict.fromkeys(WHOLE, "finished")
    assert made.launch(agents=len(CUT), agent=agent).done == len(CUT)
    assert made.states() == {"finished": len(ways)}
    assert lines(made, "done") == Counter(ways)
    assert made.left_over() == []


LIGHTNING = """
import os, time, torch, wandb
from pathlib import Path
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

class Line(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
    def training_step(self, batch, index):
        time.sleep(0.01)
        return self.layer(batch).square().mean()
    def on_train_epoch_end(self):
        run.log({"loss": 1.0, "epoch": self.current_epoch})
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)

run = wandb.init(resume="allow")
folder = Path("saved", run.id)
epochs = 4 if (folder / "last.ckpt").exists() else 10**6
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
saver = ModelCheckpoint(folder, save_last=True)
trainer = Trainer(accelerator="cpu", max_epochs=epochs, callbacks=[saver], **quiet)
trainer.fit(Line(), torch.utils.data.DataLoader(torch.ones(10, 1)), ckpt_path="last")
"""


@pytest.mark.slow
def test_plain_lightning_goes_on_in_the_next_launch(bench: MakeBench) -> None:
    """Lightning exits with 0 on SIGTERM, and the client reports that as a success."""
    made = bench(LIGHTNING, run_cap=1)
    with launched(made, "1") as launcher:
        wait_until(lambda: list(made.folder.glob("saved/*/last.ckpt")), seconds=120)
        launcher.send_signal(signal.SIGTERM)
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"preempted": 1}
    assert made.launch(agents=1).done == 1
    assert made.states() == {"finished": 1}

"""A plain PyTorch loop that reads its parameters from wandb.config."""

import signal
import sys
from pathlib import Path

import torch
import wandb
from torch.nn import Linear, ReLU, Sequential
from torch.nn.functional import mse_loss


def main() -> None:
    preempted: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _: preempted.append(signum))
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    y = x.sin().sum(1, keepdim=True)
    with wandb.init(resume="allow") as run:  # the agent sets the id of the run
        model = Sequential(Linear(8, run.config.hidden), ReLU(), Linear(run.config.hidden, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=run.config.lr)
        first, file = 0, Path("checkpoints", run.sweep_id or "manual", run.id, "last.pt")
        if file.exists():  # the run was preempted or paused
            first, *states = torch.load(file)
            model.load_state_dict(states[0])
            optimizer.load_state_dict(states[1])
        file.parent.mkdir(parents=True, exist_ok=True)
        for epoch in range(first, run.config.epochs):
            optimizer.zero_grad()
            mse_loss(model(x[:384]), y[:384]).backward()
            optimizer.step()
            run.log({"epoch": epoch, "val_loss": mse_loss(model(x[384:]), y[384:]).item()})
            torch.save((epoch + 1, model.state_dict(), optimizer.state_dict()), f"{file}.new")
            Path(f"{file}.new").replace(file)  # complete or not at all
            if preempted:
                sys.exit(143)


if __name__ == "__main__":
    main()

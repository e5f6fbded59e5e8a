"""A program with Hydra: config groups and values of conf/ are the sweep's parameters."""

import signal
import sys
from pathlib import Path

import hydra
import torch
import wandb
from omegaconf import DictConfig, OmegaConf
from torch import nn


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    preempted: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _: preempted.append(signum))
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Linear(8, config.model.hidden), nn.ReLU(), nn.Linear(config.model.hidden, 1))
    optimizer = hydra.utils.instantiate(config.optimizer, params=model.parameters())
    with wandb.init(resume="allow", config={"hydra": OmegaConf.to_container(config)}) as run:
        first, file = 0, Path("checkpoints", run.sweep_id or "manual", run.id, "last.pt")
        if file.exists():  # the run was preempted or paused
            first, *states = torch.load(file)
            model.load_state_dict(states[0])
            optimizer.load_state_dict(states[1])
        file.parent.mkdir(parents=True, exist_ok=True)
        for epoch in range(first, config.epochs):
            optimizer.zero_grad()
            nn.functional.l1_loss(model(x[:384]), x[:384, :1]).backward()
            optimizer.step()
            run.log({"epoch": epoch, "val_loss": nn.functional.l1_loss(model(x[384:]), x[384:, :1]).item()})
            torch.save((epoch + 1, model.state_dict(), optimizer.state_dict()), file)
            if preempted:
                sys.exit(143)


if __name__ == "__main__":
    main()

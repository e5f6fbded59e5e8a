"""DDP under torchrun: one run, which rank 0 owns. All ranks get the parameters as arguments."""

import argparse
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import wandb
from torch import nn

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # preempted: wandb still sends all rows
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=90)
    args = parser.parse_args()
    dist.init_process_group("gloo")
    rank, ranks = dist.get_rank(), dist.get_world_size()
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    y = x.sin().sum(1, keepdim=True)
    model = nn.parallel.DistributedDataParallel(net := nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
    first, file = 0, Path("checkpoints", os.environ["WANDB_SWEEP_ID"], os.environ["WANDB_RUN_ID"], "last.pt")
    if file.exists():  # the run was preempted or paused
        first, *states = torch.load(file)
        net.load_state_dict(states[0])
        optimizer.load_state_dict(states[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    with wandb.init(resume="allow", mode="online" if rank == 0 else "disabled") as run:
        for epoch in range(first, args.epochs):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x[rank:384:ranks]), y[rank:384:ranks]).backward()
            optimizer.step()
            run.log({"epoch": epoch, "val_loss": nn.functional.mse_loss(net(x[384:]), y[384:]).item()})
            if rank == 0:
                torch.save((epoch + 1, net.state_dict(), optimizer.state_dict()), file)

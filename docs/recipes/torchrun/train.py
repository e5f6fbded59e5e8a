"""DDP under torchrun: one run, which rank 0 owns. All ranks get the parameters as arguments."""

import argparse
import os
import signal
import sys
from pathlib import Path

import torch
import wandb
from torch import distributed, nn

if __name__ == "__main__":
    preempted: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _: preempted.append(signum))
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--epochs", type=int, default=90)
    args = parser.parse_args()
    distributed.init_process_group("gloo")
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    model = nn.parallel.DistributedDataParallel(net := nn.Linear(8, 1))
    first, file = 0, Path("checkpoints", os.environ["WANDB_SWEEP_ID"], os.environ["WANDB_RUN_ID"], "last.pt")
    if file.exists():  # the run was preempted or paused
        first, state = torch.load(file)
        net.load_state_dict(state)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr)
    file.parent.mkdir(parents=True, exist_ok=True)
    with wandb.init(resume="allow", mode="online" if rank == 0 else "disabled") as run:
        for epoch in range(first, args.epochs):
            optimizer.zero_grad()
            nn.functional.l1_loss(model(x[rank:384:ranks]), x[rank:384:ranks, :1]).backward()
            optimizer.step()
            run.log({"epoch": epoch, "val_loss": nn.functional.l1_loss(net(x[384:]), x[384:, :1]).item()})
            if rank == 0:
                torch.save((epoch + 1, net.state_dict()), file)
            if preempted:
                sys.exit(143)

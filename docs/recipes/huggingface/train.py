"""Hugging Face's Trainer: a small BERT that learns which half of a sequence has the larger sum."""

import signal
import sys
from pathlib import Path

import torch
import wandb
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint


def sequences(seed: int, rows: int) -> list[dict[str, torch.Tensor]]:
    ids = torch.randint(16, (rows, 8), generator=torch.Generator().manual_seed(seed))
    return [{"input_ids": row, "labels": (row[:4].sum() > row[4:].sum()).long()} for row in ids]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # preempted: wandb still sends all rows
    set_seed(0)
    with wandb.init(resume="allow") as run:  # the Trainer uses this run
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = BertForSequenceClassification(BertConfig(vocab_size=16, **sizes))
        folder = Path("checkpoints", run.sweep_id or "manual", run.id)
        folder.mkdir(parents=True, exist_ok=True)
        arguments = TrainingArguments(
            str(folder), report_to="wandb", eval_strategy="epoch", save_strategy="epoch", save_total_limit=1,
            logging_strategy="epoch", use_cpu=True, disable_tqdm=True, **run.config,
        )  # fmt: skip
        trainer = Trainer(model, arguments, train_dataset=sequences(0, 128), eval_dataset=sequences(1, 64))
        trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)))


if __name__ == "__main__":
    main()

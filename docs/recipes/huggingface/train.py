"""Hugging Face's Trainer: a small BERT that learns which half of a sequence has the larger sum."""

import signal
import sys
from pathlib import Path

import torch
import transformers as hf
import wandb
from transformers.trainer_utils import get_last_checkpoint


class EndIfPreempted(hf.TrainerCallback):
    def on_train_begin(self, *args: object, **kwargs: object) -> None:
        self.signals: list[int] = []
        signal.signal(signal.SIGTERM, lambda signum, _: self.signals.append(signum))

    def on_save(self, *args: object, **kwargs: object) -> None:
        if self.signals:
            sys.exit(143)


def sequences(seed: int, rows: int) -> list[dict[str, torch.Tensor]]:
    ids = torch.randint(16, (rows, 8), generator=torch.Generator().manual_seed(seed))
    return [{"input_ids": row, "labels": (row[:4].sum() > row[4:].sum()).long()} for row in ids]


if __name__ == "__main__":
    (arguments,) = hf.HfArgumentParser(hf.TrainingArguments).parse_args_into_dataclasses()
    with wandb.init(resume="allow") as run:  # the Trainer logs into this run
        arguments.output_dir = str(Path("checkpoints", run.sweep_id or "manual", run.id))
        Path(arguments.output_dir).mkdir(parents=True, exist_ok=True)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = hf.BertForSequenceClassification(hf.BertConfig(vocab_size=16, **sizes))
        data = {"train_dataset": sequences(0, 128), "eval_dataset": sequences(1, 64)}
        trainer = hf.Trainer(model, arguments, callbacks=[EndIfPreempted()], **data)
        trainer.train(resume_from_checkpoint=get_last_checkpoint(arguments.output_dir))

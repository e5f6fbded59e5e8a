"""The place in an epoch: where a checkpoint may be taken, and how a resumed run finds its batches."""

import numpy as np
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loops.fetchers import _PrefetchDataFetcher


def is_resumable(trainer: Trainer) -> bool:
    """Return True if a checkpoint after this batch loses nothing: no gradients and no validation.

    Lightning does not make up for a validation that was due there: a run resumed there would lack its row.
    """
    loop, interval = trainer.fit_loop.epoch_loop, getattr(trainer, "_val_check_time_interval", None)
    if trainer.is_last_batch or loop._should_accumulate():
        return False
    fetcher = trainer.fit_loop._data_fetcher
    return interval is not None or fetcher is None or not loop._should_check_val_fx(fetcher)


def seed_epoch(trainer: Trainer, seed: int) -> None:
    """Give each epoch its own seed, so that a resumed run draws the same numbers as an unbroken one."""
    state = np.random.SeedSequence([seed, trainer.current_epoch]).generate_state(1)
    seed_everything(int(state[0]), workers=True, verbose=False)


def redraw_batches(trainer: Trainer) -> None:
    """Make the first epoch of a resumed run draw its batches after the seeding, as other epochs do."""
    fetcher = trainer.fit_loop._data_fetcher
    if trainer.fit_loop.is_resuming and fetcher is not None and not _has_state(trainer):
        iter(fetcher)


def skip_seen_batches(trainer: Trainer, seed: int) -> None:
    """Read the batches again that an interrupted epoch has seen, if the data have no length.

    Otherwise the epoch would be longer than others, because it ends with the data.
    """
    fetcher = trainer.fit_loop._data_fetcher
    if not isinstance(fetcher, _PrefetchDataFetcher) or fetcher.length is not None or _has_state(trainer):
        return
    seed_epoch(trainer, seed)
    iter(fetcher)
    for _ in range(trainer.fit_loop.epoch_loop.batch_progress.current.ready):
        next(fetcher, None)


def _has_state(trainer: Trainer) -> bool:
    """Return True if a loader keeps a state of its own, which it has already restored."""
    loader = trainer.fit_loop._combined_loader
    return loader is not None and any(hasattr(each, "load_state_dict") for each in loader.flattened)

"""Ends the stock client's service, `wandb-core`, also when it hangs.

On a machine of continuous integration it twice went on for minutes after its client had closed it, for a
reason not known. That is no fault of what the tests test, so they end it, and print what it waited for.
"""

import contextlib
import os
import signal
import threading
import warnings

import psutil  # type: ignore[import-untyped]
import wandb

PATIENCE = 60.0  # seconds for a service to end


def teardown() -> None:
    """`wandb.teardown()`, with an end."""
    ended: list[int] = []
    timer = threading.Timer(PATIENCE, lambda: ended.extend(end_services_of(os.getpid())))
    timer.start()
    with contextlib.suppress(SystemExit):  # of a service that was ended
        wandb.teardown()
    timer.cancel()
    timer.join()
    if ended:
        warnings.warn(f"the stock client's service did not end within {PATIENCE:g} s", stacklevel=2)


def end_services_of(client: int) -> list[int]:
    """End the services that the process `client` has started; each prints the stacks of its goroutines."""
    with contextlib.suppress(psutil.NoSuchProcess):
        services = [child for child in psutil.Process(client).children() if child.name() == "wandb-core"]
        for service in services:
            service.send_signal(signal.SIGQUIT)
        return [service.pid for service in services]
    return []

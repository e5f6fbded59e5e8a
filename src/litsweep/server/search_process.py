"""The search worker's process, seen from the server."""

from litsweep.server.search_protocol import Message
from litsweep.server.worker_process import WorkerProcess

WORKER = "litsweep.server.search_worker"


class SearchProcess(WorkerProcess):
    """A running search worker."""

    def __init__(self, database_url: str) -> None:
        super().__init__(WORKER)
        self.send(database_url)  # not an argument: `ps` would show the password

    def receive(self) -> Message:
        """Wait for the next message. Raises EOFError or OSError if the worker has ended."""
        message: Message = super().receive()
        return message

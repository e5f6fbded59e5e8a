"""Fixtures: a client without the settings of an earlier test."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def forget_client_settings() -> Iterator[None]:
    """Drop the settings that the wandb client keeps for its process."""
    yield
    if "wandb" in sys.modules:
        from tests import stock_service

        stock_service.teardown()

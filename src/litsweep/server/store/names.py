"""Names that the server gives."""

import secrets
import string

ALPHABET = string.ascii_lowercase + string.digits


def short_id() -> str:
    """Eight random characters, like W&B's."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))

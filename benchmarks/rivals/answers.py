"""The loop of an engine's script: questions on standard input, answers on standard output, in JSON lines."""

import json
import os
import sys


def plain(value):
    """Return a NumPy value as Python's own."""
    return value.item() if hasattr(value, "item") else value


def serve(engine_class):
    """Answer `open` with a new engine, and every other question by the engine's method of that name."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the engine prints goes to standard error
    engine = None
    for line in sys.stdin:
        question = json.loads(line)
        ask = question.pop("ask")
        try:
            if ask == "open":
                engine, answer = engine_class(**question), None
            else:
                answer = getattr(engine, ask)(**question)
            reply = {"answer": answer}
        except Exception as error:  # an exception of the engine is an answer too
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply, default=plain), file=replies)

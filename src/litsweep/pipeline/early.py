"""What all runs need. The process that starts the runs imports this module once, and its forks inherit it.

It imports what the client, Lightning and the data sets import only when they need it.
"""

import contextlib
import importlib

from litsweep.pipeline.arguments import default_parser
from litsweep.pipeline.client import installed_packages

_MODULES = (
    "fsspec.implementations.chained",
    "litsweep.pipeline.experiment",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "sklearn.datasets",
    "torch.utils.serialization",
    "wandb.sdk.launch.inputs.internal",
    "wandb.wandb_run",
)

for module in _MODULES:
    with contextlib.suppress(ImportError):
        importlib.import_module(module)
default_parser()
installed_packages()

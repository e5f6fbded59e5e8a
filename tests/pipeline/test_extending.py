"""A new data set: one module and its name in the registry. It is also an example."""

import subprocess
import sys
from pathlib import Path

import litsweep.pipeline.datasets

STRIPES = '''
"""Stripes: grey images of 8 x 8 pixels whose stripes lie or stand."""

import torch

from litsweep.pipeline.datasets.source import DownloadedSet, as_labels
from litsweep.pipeline.images import Images, Prepared


def _images(n):
    labels = as_labels([index % 2 for index in range(n)])
    lying = torch.arange(8).remainder(2).mul(255).to(torch.uint8).expand(1, 8, 8)
    return Images(torch.stack([lying if label else lying.mT for label in labels]), labels)


def _fetch(scratch):
    return Prepared(_images(64), None, _images(8), ("standing", "lying"))


SOURCES = (DownloadedSet("stripes", (1, 8, 8), 2, _fetch),)
'''

# The package as it would be with the module in its folder and the line in its list.
PROGRAM = """
import importlib.util, sys
from pathlib import Path
import litsweep.pipeline
source = Path({source!r})
spec = importlib.util.spec_from_file_location(
    "litsweep.pipeline.datasets", source, submodule_search_locations=[str(source.parent), str(Path.cwd())]
)
package = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = litsweep.pipeline.datasets = package
changed = source.read_text().replace("_MODULES = (", '_MODULES = (\\n    "stripes",')
exec(compile(changed, str(source), "exec"), package.__dict__)
sys.exit(litsweep.pipeline.main(sys.argv[1:]))
"""


def test_a_data_set_is_one_module_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "stripes.py").write_text(STRIPES)
    source = litsweep.pipeline.datasets.__file__
    flags = [
        "--data.dataset=stripes",
        "--model.width=4",
        "--trainer.max_epochs=1",
        "--trainer.accelerator=cpu",
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(source=source), *flags, "--data.batch_size=8"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "test_acc" in done.stdout
    assert (tmp_path / "data" / "stripes" / "prepared-1.pt").is_file()

"""A program that logs everything a run can log, by the stock client. It prints the names of its runs."""

import os
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects
import wandb

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HTML = """<h1 id="shown">A report</h1><p id="result"></p><script>
const tried = [];
try { top.document.title = "owned"; } catch { tried.push("no page"); }
try { tried.push(document.cookie); } catch { tried.push("no cookie"); }
document.getElementById("result").textContent = tried.join(", ");
</script>"""


def picture(step: int) -> wandb.Image:
    pixels = np.full((96, 96, 3), 15 * step, dtype=np.uint8)
    pixels[: 8 * step + 8] = (30, 120, 200)
    return wandb.Image(pixels, caption=f"step {step} {EVIL}")


def annotated() -> wandb.Image:
    mask = np.zeros((96, 96), dtype=np.uint8)
    mask[20:60, 20:60] = 1
    box = {
        "position": {"minX": 0.1, "maxX": 0.5, "minY": 0.2, "maxY": 0.8},
        "class_id": 1,
        "box_caption": "cat",
        "scores": {"sure": 0.9},
    }
    return wandb.Image(
        np.full((96, 96, 3), 200, dtype=np.uint8),
        caption="with boxes",
        boxes={"predictions": {"box_data": [box], "class_labels": {1: "cat"}}},
        masks={"predictions": {"mask_data": mask, "class_labels": {1: "cat"}}},
    )


def sound(folder: Path) -> Path:
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((8000 * np.sin(np.arange(8000) / 5)).astype("<i2").tobytes())
    return path


def media(folder: Path) -> dict[str, object]:
    video = folder / "clip.mp4"
    video.write_bytes(b"\x00\x00\x00\x18ftypmp42")
    molecule = folder / "water.pdb"
    molecule.write_text("ATOM      1  O   HOH A   1       0.000   0.000   0.000\n")
    return {
        "annotated": annotated(),
        "page": wandb.Html(HTML),
        "sound": wandb.Audio(str(sound(folder)), caption=f"a tone {EVIL}"),
        "clip": wandb.Video(str(video), caption="a clip", format="mp4"),
        "molecule": [wandb.Molecule(str(molecule))] * 2,
        "cloud": [wandb.Object3D(np.random.default_rng(i).random((20, 3))) for i in range(2)],
    }


def tables() -> dict[str, object]:
    rows = [[i, f"row {i}", 1 / (i + 1), i % 2 == 0] for i in range(120)]
    rows[3][1] = EVIL
    pictures = wandb.Table(columns=["id", "image", "score"])
    for i in range(3):
        pictures.add_data(i, picture(i), 0.5 - i)
    odd = wandb.Table(columns=["value", "list"], data=[[float("nan"), [1, 2]], [None, [3]]])
    return {
        "rows": wandb.Table(columns=["id", "text", "share", "even"], data=rows),
        "pictures": pictures,
        "odd": odd,
    }


def plots() -> dict[str, object]:
    plot: Any = wandb.plot  # its annotations do not allow arrays
    xy = wandb.Table(columns=["x", "y"], data=[[i, i * i] for i in range(10)])
    names = wandb.Table(columns=["label", "value"], data=[["one", 1], [EVIL, 3]])
    truth, chances = [0, 1, 2, 1, 0, 2], np.random.default_rng(0).dirichlet([1, 1, 1], 6)
    classes = ["cat", "dog", "cow"]
    custom = wandb.plot_table("someone/own-spec", xy, {"x": "x"}, {"title": "Own chart"})
    return {
        "plots/line": plot.line(xy, "x", "y", title="Line"),
        "plots/scatter": plot.scatter(xy, "x", "y", title="Scatter"),
        "plots/bar": plot.bar(names, "label", "value", title="Bar"),
        "plots/histogram": plot.histogram(xy, "y", title="Histogram"),
        "plots/pr": plot.pr_curve(truth, chances, labels=classes, title="PR"),
        "plots/roc": plot.roc_curve(truth, chances, labels=classes, title="ROC"),
        "plots/confusion": plot.confusion_matrix(probs=chances, y_true=truth, class_names=classes),
        "plots/series": plot.line_series([0, 1], [[1, 2], [3, 2]], ["up", "down"], split_table=True),
        "plots/custom": custom,
        "plots/plotly": plotly.graph_objects.Figure(plotly.graph_objects.Bar(y=[1, 2])),
    }


def log_all(run: wandb.Run, folder: Path) -> None:
    run.define_metric("val_acc", step_metric="epoch")
    for step in range(12):
        row = {"val_acc": 0.5 + step / 30, "epoch": step // 2, "same": 0.1, "loss": 10 ** -(step / 3)}
        hist = wandb.Histogram(np.random.default_rng(step).normal(step, 1, 200).tolist())
        images = {"picture": picture(step), "several": [picture(step), picture(step + 1)]}
        run.log({**row, "weights": hist, **(images if step % 3 == 0 else {})})
    run.log({**media(folder), **tables(), **plots()})


def artifacts(run: wandb.Run, folder: Path) -> None:
    for text in ("first", "second"):
        made = wandb.Artifact("model", "model", metadata={"note": EVIL, "size": 3})
        content = folder / f"{text}.txt"
        content.write_text(text)
        made.add_file(str(content), name="weights/best model.txt")
        made.add_reference("https://example.com/data.bin", name="remote.bin", checksum=False)
        run.log_artifact(made, aliases=["best" if text == "second" else "old"]).wait()


def main(folder: Path) -> None:
    settings = wandb.Settings(
        console="wrap_raw", save_code=True, program_relpath="train.py", x_stats_sampling_interval=0.5
    )
    config = {"lr": 0.01, "data": {"size": 3}, "long": "word " * 200, "evil": EVIL}
    with wandb.init(
        project="all", id="everything", name=f"everything {EVIL}", config=config, settings=settings
    ) as run:
        code = folder / "code"
        code.mkdir()
        (code / "train.py").write_text(f"# {EVIL}\nprint('training')\n")
        run.log_code(str(code))
        log_all(run, folder)
        artifacts(run, folder)
        print("\x1b[1;31mred error\x1b[0m and \x1b[38;5;34mgreen\x1b[0m", EVIL)
        for percent in range(0, 101, 20):
            print(f"\rprogress {percent}%", end="", flush=True)
        print("\nneedle one\nneedle two\nNeedle three")
        time.sleep(1.2)  # for two samples of the system metrics
    with wandb.init(project="all", id="user", name="user", settings=wandb.Settings(console="off")) as run:
        run.use_artifact("model:best")
        run.log({"again": run.use_artifact("run-everything-pictures:latest").get("pictures")})


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    main(Path(sys.argv[1]))

"""Slots from the GPUs of the machine."""

from pathlib import Path

import pytest

from litsweep.errors import ConfigError, LitsweepError
from litsweep.launch.devices import check_present, cpu_count, devices_here, slots_for
from litsweep.launch.options import LaunchOptions
from litsweep.launch.sharing import MOST_SLOTS

TWO_GPUS = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-22222222-aaaa-bbbb-cccc-000000000000)
"""
ONE_CUT_GPU = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-0000-5000-8000-000000000001)
  MIG 3g.40gb     Device  1: (UUID: MIG-aaaaaaaa-0000-5000-8000-000000000002)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-22222222-aaaa-bbbb-cccc-000000000000)
"""


def test_all_gpus_are_numbers() -> None:
    assert devices_here({}, lambda: TWO_GPUS) == ("0", "1")


def test_a_cut_gpu_is_named_by_its_slices() -> None:
    assert devices_here({}, lambda: ONE_CUT_GPU) == (
        "MIG-aaaaaaaa-0000-5000-8000-000000000001",
        "MIG-aaaaaaaa-0000-5000-8000-000000000002",
        "1",
    )


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("2,3", ("2", "3")), ("GPU-1111, MIG-2222", ("GPU-1111", "MIG-2222")), ("", ()), ("-1", ())],
)
def test_what_the_scheduler_allows_wins_over_the_driver(visible: str, expected: tuple[str, ...]) -> None:
    assert devices_here({"CUDA_VISIBLE_DEVICES": visible}, lambda: TWO_GPUS) == expected


def test_two_agents_per_gpu() -> None:
    slots = slots_for(LaunchOptions(gpus="all", per_gpu=2), {}, lambda: TWO_GPUS)
    assert [slot.devices for slot in slots] == [("0",), ("0",), ("1",), ("1",)]
    assert [slot.index for slot in slots] == [0, 1, 2, 3]


def test_the_slots_of_auto_begin_with_one_on_each_gpu() -> None:
    slots = slots_for(LaunchOptions(gpus="all", per_gpu="auto"), {}, lambda: TWO_GPUS)
    assert [slot.devices for slot in slots[:4]] == [("0",), ("1",), ("0",), ("1",)]
    assert len(slots) == 2 * MOST_SLOTS
    assert {slot.threads for slot in slots} == {max(1, cpu_count() // 8)}
    both = slots_for(LaunchOptions(gpus="all", per_gpu="auto", per_trial=2), {}, lambda: TWO_GPUS)
    assert {slot.devices for slot in both} == {("0", "1")} and len(both) == MOST_SLOTS


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (LaunchOptions(gpus="all", per_gpu="auto"), "measures whole GPUs, and MIG-aaaaaaaa-0000-5000-8000"),
        (LaunchOptions(gpus="none", per_gpu="auto"), "needs GPUs, and --gpus none has none: leave it out"),
    ],
)
def test_auto_measures_whole_gpus(options: LaunchOptions, says: str) -> None:
    with pytest.raises(LitsweepError, match=says):
        slots_for(options, {}, lambda: ONE_CUT_GPU)


def test_two_gpus_per_trial() -> None:
    slots = slots_for(LaunchOptions(gpus=("0", "1", "4", "5"), per_trial=2), {})
    assert [slot.environment({})["CUDA_VISIBLE_DEVICES"] for slot in slots] == ["0,1", "4,5"]


@pytest.mark.parametrize(
    ("environ", "order"),
    [
        ({}, "PCI_BUS_ID"),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, "FASTEST_FIRST"),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, None),
    ],
)
def test_numbers_of_gpus_mean_what_nvidia_smi_says(environ: dict[str, str], order: str | None) -> None:
    (slot,) = slots_for(LaunchOptions(gpus=("1",)), environ)
    assert slot.environment(environ).get("CUDA_DEVICE_ORDER") == order


def test_cpu_slots_see_no_gpu_and_share_the_threads() -> None:
    slots = slots_for(LaunchOptions(gpus="none", agents=2), {})
    environment = slots[0].environment({})
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["OMP_NUM_THREADS"] == str(max(1, cpu_count() // 2))


def test_threads_a_person_has_set_stay() -> None:
    slot = slots_for(LaunchOptions(gpus="none"), {})[0]
    assert "OMP_NUM_THREADS" not in slot.environment({"OMP_NUM_THREADS": "7"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (LaunchOptions(gpus="all"), "--gpus: needs a GPU on this machine, got all; use --gpus none"),
        (
            LaunchOptions(gpus=("0", "1", "2"), per_trial=2),
            "--per-trial: must divide the number of GPUs, 3, got 2",
        ),
        (LaunchOptions(gpus=("0", "0")), "--gpus: must name each GPU once, got 0,0; use --per-gpu"),
        (LaunchOptions(agents=0), "--agents: must be at least 1, got 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: LaunchOptions, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        slots_for(options, {}, lambda: "")
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("names", "environ"),
    [
        ("0,1", {}),
        ("GPU-2222", {}),
        ("MIG-aaaaaaaa-0000-5000-8000-000000000002", {}),
        ("7", {"CUDA_VISIBLE_DEVICES": "6,7"}),
    ],
)
def test_a_named_gpu_is_there(names: str, environ: dict[str, str]) -> None:
    check_present(names.split(","), environ, lambda: ONE_CUT_GPU)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ("0,3", "--gpus: must name GPUs of this machine, got 3; it has MIG-"),
        ("GPU-3333", "got GPU-3333; it has"),
    ],
)
def test_a_named_gpu_is_missing(names: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        check_present(names.split(","), {}, lambda: ONE_CUT_GPU)


def test_no_gpu_can_be_named_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="got 0,1; it has none; --gpus none uses the CPU"):
        check_present(["0", "1"], {}, lambda: "")


def test_the_driver_is_asked_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices_here({}) == ()
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n[ $1 = -L ] && /bin/cat <<'END'\n{TWO_GPUS}END\n")
    tool.chmod(0o755)
    assert devices_here({}) == ("0", "1")

"""The roofline: its arithmetic by hand, its turns by a tape, and a run of the script whose numbers agree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rlvision.nn.dn import DNEncoder
from rlvision.nn.heads import LinearHead
from rlvision.nn.qnetwork import QNetwork

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DN_LAYERS = [2 * 16 * 40 * 40 * 100, 2 * 32 * 18 * 18 * 400, 2 * 32 * 7 * 7 * 800, 2 * 6 * 1568]


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def network() -> QNetwork:
    encoder = DNEncoder(4, 84, 84, norm="none")
    return QNetwork(encoder, LinearHead(encoder.features, 6))


def test_operations_of_the_layers_by_hand():
    from measure.flops import layer_flops

    assert layer_flops(network(), torch.zeros(3, 4, 84, 84, dtype=torch.uint8)) == [3 * one for one in DN_LAYERS]


@pytest.mark.parametrize("double", [True, False])
def test_operations_of_an_update_are_those_that_torch_counts(double):
    from measure.flops import update_flops

    online, pixels = network(), torch.zeros(1, 4, 84, 84, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        with torch.no_grad():
            for _ in range(1 + double):
                online(pixels)
        online(pixels).q_values.sum().backward()
    assert update_flops(DN_LAYERS, double=double) == counter.get_total_flops()


def test_the_slowest_part_bounds_the_loop_where_each_has_its_own_device():
    from measure.bound import Bound, Cost, bound

    costs = {"environments": Cost(0.001, 0.002), "compute": Cost(0.004, 0.004), "copies": Cost(0.0005, 0.0005)}
    assert bound(costs, None) == Bound(250.0, "compute")


def test_processor_time_bounds_the_loop_where_the_parts_share_the_cores():
    from measure.bound import SHARED, Cost, bound

    costs = {"environments": Cost(0.001, 0.002), "compute": Cost(0.004, 0.008)}
    shared = bound(costs, 2)  # 10 ms on two cores, in 5 ms at best
    assert shared.binds == SHARED
    assert shared.env_steps_per_second == pytest.approx(200.0)
    assert bound(costs, 4).binds == "compute"  # 2.5 ms are less than the 4 that compute needs alone


def test_cases_take_turns_and_what_a_turn_did_is_counted():
    from measure.rounds import Rates, Turn, by_turns

    tape: list[str] = []

    def case(name: str, amount: float):
        return lambda: tape.append(name) or amount

    rates = by_turns({"a": case("a", 3.0), "b": case("b", 5.0)}, rounds=2, seconds=0.0)
    assert tape == ["a", "b"] + ["a", "b"] * 2  # once to warm up
    assert [turn.amount for turn in rates["b"].turns] == [5.0, 5.0]
    known = Rates([Turn(10, 2.0, 4.0), Turn(10, 1.0, 1.0), Turn(10, 5.0, 8.0)])
    assert (known.per_second, known.seconds, known.cpu_seconds) == (5.0, 0.2, 0.4)
    whole = Rates([Turn(30, 3.0, 0.0), Turn(40, 2.0, 0.0), Turn(10, 1.0, 0.0)])
    assert known.share_of(whole) == 0.5  # of 5/10, 10/20 and 2/10


def test_a_run_agrees_with_itself(tmp_path, monkeypatch, capsys):
    from roofline import main

    sizes = {
        "rounds": 1,
        "seconds": 0,
        "slice": 8,
        "num-envs": 4,
        "prefill": 64,
        "capacity": 400,
        "threads": 1,
        "acting-envs": 4,
    }
    words = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
    monkeypatch.setattr(sys, "argv", ["roofline.py", *words, "--json", str(tmp_path / "numbers.json")])
    main()
    report = json.loads((tmp_path / "numbers.json").read_text())
    costs, cpu = report["milliseconds_per_env_step"], report["cpu_milliseconds_per_env_step"]
    rates, cores = report["rates_per_second"], report["machine"]["usable_cores"]
    assert costs["environments"] == pytest.approx(1e3 / rates["emulators"])
    assert costs["compute"] == pytest.approx(1e3 / rates["forward"] + 1e3 / rates["update"] * 8 / 32)
    assert costs["copies"] == pytest.approx(1e3 * 84 * 84 * (1 + 8 * 8) / rates["copies"])
    bound = 1e3 / max(*costs.values(), sum(cpu.values()) / cores)
    assert report["bound_env_steps_per_second"] == pytest.approx(bound)
    assert report["ratio"] == pytest.approx(report["reached_env_steps_per_second"] / bound)
    assert report["arithmetic"]["gflop_per_update"] == pytest.approx(
        32 * (5 * sum(DN_LAYERS) - DN_LAYERS[0]) / 1e9, rel=1e-3
    )
    assert sum(report["shares_of_the_loop"].values()) == pytest.approx(1)
    shown = capsys.readouterr().out
    assert f"{report['ratio']:.0%} of the bound" in shown
    [(num_envs, acting)] = report["acting"].items()
    assert num_envs == "4"
    for name in ("acting in turn", "acting double-buffered"):
        assert f"{acting[name]:.0%}" in shown.splitlines()[-1]


def test_a_slice_of_half_a_step_is_refused():
    command = [sys.executable, str(BENCHMARKS / "roofline.py"), "--slice", "12"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert "multiple of num_envs, got 5, 12 and 8" in result.stderr

"""Speed of the whole loop against the bound that this machine allows.

    python benchmarks/roofline.py --json roofline.json

Five parts are measured alone: the emulators (ale-py's vector environment with random actions), copies of
frames out of a replay, the network when it acts and when it learns (at the batch size, in the best
precision of the machine), and a matrix product as the peak of arithmetic. They give the most env steps
per second at the replay ratio, and the limit: environments, compute or copies. On a CPU all parts share
the cores, so the sum of their processor time may be the limit. Then the real loop, rlvision's `Trainer`,
is measured. All cases take turns in one process; numbers are medians over
the rounds.

The environments' cost includes no-ops and resets of games. Processor time includes threads that spin
while they wait for each other. So the bound of shared cores holds for the parallel efficiency of these
parts; the bound at the machine's peak is the arithmetic alone.

Acting alone is measured with ``acting_envs`` environments, as shares of the bare emulators in the same
rounds: in turn, and double-buffered with one thread of torch, as evaluations and rollouts do it. To measure
nothing else, add ``--only-acting``.
"""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro
from contenders.rlvision_dqn import RLVisionLoop
from contenders.stopwatch import STEP, watched
from contenders.work import Work
from measure import limits
from measure.bound import Cost, bound
from measure.flops import layer_flops, update_flops
from measure.machine import in_words, machine, usable_cores
from measure.rounds import Case, Rates, by_turns

from rlvision.core.devices import computes_bfloat16

LOOP = "the whole loop"
BARE, IN_TURN, BUFFERED = "bare emulators", "acting in turn", "acting double-buffered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The measurements to make."""

    work: Annotated[Work, tyro.conf.arg(name="")] = field(default_factory=lambda: Work(precision="auto"))
    double: bool = True
    """Double DQN, rlvision's default: one more forward per update."""
    rounds: int = 5
    """Turns of each part."""
    seconds: float = 1.0
    """The shortest turn of a part, in seconds."""
    slice: int = 640
    """Env steps in a turn of the whole loop, a multiple of num_envs."""
    acting_envs: tuple[int, ...] = (16, 64)
    """Environments to act for, without learning."""
    only_acting: bool = False
    """Measure nothing but acting without learning."""
    json: Path | None = None
    """File to write all numbers to."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements."""

    rates: dict[str, Rates]
    shares: dict[str, float]  # of the whole loop's time
    layers: list[int]  # operations of one observation, by layer
    peaks: dict[str, str]  # number format -> its case


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    expect_whole_steps(options)
    if options.work.threads is not None:
        torch.set_num_threads(options.work.threads)
    report = {} if options.only_acting else make_report(options, measure(options))
    report |= {"acting": measure_acting(options), "machine": machine()}
    show(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def expect_whole_steps(options: Options) -> None:
    if options.rounds < 1 or options.slice % options.work.num_envs or not options.slice:
        sys.exit(
            "expected at least one round and a slice that is a multiple of num_envs, "
            f"got {options.rounds}, {options.slice} and {options.work.num_envs}"
        )


def measure_acting(options: Options) -> dict[str, dict[str, float]]:
    """Measure acting without learning, by the number of environments."""
    loop = RLVisionLoop(replace(options.work, samples_per_env_step=0, prefill=0), double=options.double, norm="renorm")
    cases: dict[str, Case] = {}
    for num_envs in options.acting_envs:
        cases[f"{BARE}, {num_envs}"] = limits.emulators(replace(options.work, num_envs=num_envs))
        cases[f"{IN_TURN}, {num_envs}"] = limits.acting_in_turn(loop, num_envs)
        cases[f"{BUFFERED}, {num_envs}"] = limits.acting_double_buffered(loop, num_envs)
    rates = by_turns(cases, options.rounds, options.seconds)
    loop.close()
    return {str(num_envs): acting_shares(rates, num_envs) for num_envs in options.acting_envs}


def acting_shares(rates: dict[str, Rates], num_envs: int) -> dict[str, float]:
    """Return the speed of the bare emulators in env steps per second, and the shares of it that acting reaches."""
    bare = rates[f"{BARE}, {num_envs}"]
    shares = {name: rates[f"{name}, {num_envs}"].share_of(bare) for name in (IN_TURN, BUFFERED)}
    return {BARE: bare.per_second, **shares}


def measure(options: Options) -> Measured:
    """Measure all cases by turns."""
    work, device = options.work, torch.device(options.work.device)
    loop = RLVisionLoop(work, double=options.double, norm="renorm")
    formats = {"float32": torch.float32} | ({"bfloat16": torch.bfloat16} if computes_bfloat16(device) else {})
    peaks = {name: f"matrix product, {name}" for name in formats}
    cases = {
        "emulators": limits.emulators(work),
        "copies": limits.copies(work, device),
        "forward": limits.forward(loop),
        "update": limits.training_step(loop),
        **{peaks[name]: limits.matrix_product(device, dtype) for name, dtype in formats.items()},
        LOOP: limits.training(loop, options.slice // work.num_envs),
    }
    observation = torch.zeros(1, *loop.env.spec.observation_shape, dtype=torch.uint8, device=device)
    layers = layer_flops(loop.agent.learner.networks.actor, observation)
    stopwatch = watched(loop)
    rates = by_turns(cases, options.rounds, options.seconds)
    loop.close()
    return Measured(rates, stopwatch.shares(stopwatch.seconds.pop(STEP)), layers, peaks)


def make_report(options: Options, measured: Measured) -> dict[str, Any]:
    work, rates = options.work, measured.rates
    costs = costs_of(work, rates)
    cores = usable_cores() if work.device == "cpu" else None
    most, reached = bound(costs, cores), rates[LOOP].per_second
    return {
        "bound_env_steps_per_second": most.env_steps_per_second,
        "binds": most.binds,
        "reached_env_steps_per_second": reached,
        "ratio": reached / most.env_steps_per_second,
        "milliseconds_per_env_step": {name: 1e3 * cost.seconds for name, cost in costs.items()},
        "cpu_milliseconds_per_env_step": {name: 1e3 * cost.cpu_seconds for name, cost in costs.items()},
        "arithmetic": arithmetic(options, measured),
        "shares_of_the_loop": measured.shares,
        "rates_per_second": {name: rate.per_second for name, rate in rates.items()},
        "work": asdict(work) | {"double": options.double, "slice": options.slice, "rounds": options.rounds},
    }


def costs_of(work: Work, rates: dict[str, Rates]) -> dict[str, Cost]:
    """Return the cost of one env step at the replay ratio, by part."""
    updates = work.samples_per_env_step / work.batch_size
    return {
        "environments": cost(rates["emulators"]),
        "copies": cost(rates["copies"]) * limits.copied_bytes(work),
        "compute": cost(rates["forward"]) + cost(rates["update"]) * updates,
    }


def cost(rate: Rates) -> Cost:
    return Cost(rate.seconds, rate.cpu_seconds)


def arithmetic(options: Options, measured: Measured) -> dict[str, Any]:
    """Return the network's operations per second, and its share of the machine's peak."""
    work, rates = options.work, measured.rates
    peaks = {name: rates[case].per_second / 1e9 for name, case in measured.peaks.items()}
    used = "bfloat16" if work.precision == "auto" and "bfloat16" in peaks else "float32"
    update = work.batch_size * update_flops(measured.layers, double=options.double)
    env_step = sum(measured.layers) + update * work.samples_per_env_step / work.batch_size
    gflops = {
        "forward": sum(measured.layers) * rates["forward"].per_second / 1e9,
        "update": update * rates["update"].per_second / 1e9,
    }
    return {
        "precision": used,
        "gflop_per_update": update / 1e9,
        "peak_gflop_per_second": peaks,
        "gflop_per_second": gflops,
        "of_peak": {name: value / peaks[used] for name, value in gflops.items()},
        "env_steps_per_second_at_peak": 1e9 * peaks[used] / env_step,
    }


def show(report: dict[str, Any]) -> None:
    """Print what was measured: the loop and its parts, acting without learning, or both."""
    if "ratio" in report:
        show_loop(report)
    if "acting" in report:
        show_acting(report)


def show_loop(report: dict[str, Any]) -> None:
    work, arith = report["work"], report["arithmetic"]
    print(in_words(report["machine"]) + f", {work['device']}, {arith['precision']}")
    print(f"{work['game']}, {work['num_envs']} environments, {work['network']}, batch {work['batch_size']}, ", end="")
    print(f"{work['samples_per_env_step']} samples per env step{', Double' if work['double'] else ''}\n")
    print(f"{'alone, for one env step':28}{'ms':>9}{'CPU ms':>9}{'at most, env steps/s':>23}")
    for name, milliseconds in report["milliseconds_per_env_step"].items():
        cpu = report["cpu_milliseconds_per_env_step"][name]
        print(f"{name:28}{milliseconds:9.3f}{cpu:9.3f}{1e3 / milliseconds:23.0f}")
    most, reached = report["bound_env_steps_per_second"], report["reached_env_steps_per_second"]
    print(f"\nthe bound      {most:9.1f} env steps/s: what binds is {report['binds']}")
    print(f"the whole loop {reached:9.1f} env steps/s, {report['ratio']:.0%} of the bound\n")
    for name, peak in arith["peak_gflop_per_second"].items():
        print(f"a matrix product in {name:9}{peak:9.1f} Gflop/s")
    for name, gflops in arith["gflop_per_second"].items():
        print(f"the network's {name:15}{gflops:9.1f} Gflop/s, {arith['of_peak'][name]:.0%} of that")
    print(
        f"{arith['gflop_per_update']:.2f} Gflop an update; all arithmetic at that peak and all else for nothing: ",
        end="",
    )
    print(f"{arith['env_steps_per_second_at_peak']:.0f} env steps/s\n")
    print(
        "shares of the loop: "
        + ", ".join(f"{name} {share:.1%}" for name, share in report["shares_of_the_loop"].items())
    )


def show_acting(report: dict[str, Any]) -> None:
    print(f"\nacting alone, {in_words(report['machine'])}")
    print(f"{'environments':14}{BARE:>20}{IN_TURN:>20}{BUFFERED:>26}")
    for num_envs, row in report["acting"].items():
        print(f"{num_envs:14}{row[BARE]:18.0f}/s{row[IN_TURN]:20.0%}{row[BUFFERED]:26.0%}")


if __name__ == "__main__":
    main()

"""Env steps per second of the whole loop (act, environments, store, learn), compared with peers at equal work.

    pip install '.[bench]'
    python benchmarks/throughput.py --json throughput.json

Equal work means: the same game through ale-py with the same preprocessing (84x84 gray, four frames, skip
of four, max-pooling, no-ops, FIRE, a lost life terminates, rewards clipped); the same number of
environments; the same network, to the last parameter; the same batch, replay ratio, target period, loss,
optimiser, gradient clipping, exploration, torch threads and float32. All train plain DQN with one-step
returns and no Double.

Each contender is a process that waits on a pipe. It fills its replay, warms up, and then trains slices of
env steps in turn with the others. So only one runs at a time, they share no cache or allocator, and other
load on the machine affects all alike. Each slice times one loop as its users run it: rlvision's `Trainer`
with its metrics file, stable-baselines3's `DQN.learn` over `make_atari_env` and `VecFrameStack`, Tianshou's
`OffPolicyTrainer` over EnvPool, TorchRL's `Collector`, `DQNLoss` and replay buffer. The report has medians
over the rounds, and the smallest and largest ratio of a round. A peer that is not installed is skipped, and
named. With all peers, the default run takes some minutes on two cores. sb3-contrib has no contender: its
only algorithm of this kind, QR-DQN, regresses 200 quantiles per action, which is other work.

``--double`` also measures rlvision's default Double DQN, which needs one more forward per update. ``--renorm``
also measures BatchRenorm, rlvision's default normalisation, which is more work than the peers' BatchNorm.
``--fixed`` also measures fixed statistics (network.norm=fixed), which is less work, as no batch statistics are
computed. ``--profile`` instead shows the time in each part of rlvision's loop, with the other options.
``--tree=NAME:PYTHON``, given twice or more, instead compares installations of rlvision in other environments
with the first of them, such as an older and a newer version, each by its own command ``rlvision train``.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import tyro
from contenders.tree import measure_trees, read_tree, show_trees
from contenders.work import Work
from measure.machine import machine

HERE = Path(__file__).parent
OURS = "rlvision"


@dataclass(frozen=True, slots=True)
class Contender:
    """A name, its module in ``contenders/``, and the packages that it needs."""

    name: str
    module: str
    needs: tuple[str, ...]
    arguments: tuple[str, ...] = ()


CONTENDERS = (
    Contender(OURS, "rlvision_dqn", ("rlvision",)),
    Contender("rlvision (Double: more work)", "rlvision_dqn", ("rlvision",), ("--double",)),
    Contender("rlvision (norm renorm: more work)", "rlvision_dqn", ("rlvision",), ("--renorm",)),
    Contender("rlvision (norm fixed: less work)", "rlvision_dqn", ("rlvision",), ("--fixed",)),
    Contender("stable-baselines3", "sb3_dqn", ("stable_baselines3",)),
    Contender("tianshou", "tianshou_dqn", ("tianshou", "envpool")),
    Contender("torchrl", "torchrl_dqn", ("torchrl",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The measurements to make."""

    work: Annotated[Work, tyro.conf.arg(name="")] = field(default_factory=Work)
    rounds: int = 5
    """Slices of each contender; a useful median needs three or more."""
    slice: int = 1_000
    """Env steps of a slice, a multiple of num_envs."""
    double: bool = False
    """Also measure Double DQN."""
    renorm: bool = False
    """Also measure DN with network.norm=renorm."""
    fixed: bool = False
    """Also measure DN with network.norm=fixed."""
    without: tuple[Literal["stable-baselines3", "tianshou", "torchrl"], ...] = ()
    """Peers to leave out, by name."""
    profile: bool = False
    """Only show the time in each part of rlvision's loop."""
    tree: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """NAME:PYTHON, an installation in another environment; give two or more, and only these are measured."""
    json: Path | None = None
    """File to write all numbers to."""


class Process:
    """A contender in its own process."""

    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        self.slices: list[dict[str, float]] = []
        command = [sys.executable, "-m", f"contenders.{contender.module}", *contender.arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=HERE, stdin=pipe, stdout=pipe, text=True)
        self.introduction: dict[str, Any] = {}

    def introduce(self, work: Work) -> None:
        """Hand over the work, and wait until its replay is filled and it is warm."""
        self.introduction = self._ask(json.dumps(asdict(work)))

    def train(self, env_steps: int) -> None:
        self.slices.append(self._ask(str(env_steps)))

    def rates(self, what: str, per: str = "seconds") -> list[float]:
        """Return ``env_steps`` or ``updates`` of each slice per ``seconds``, or per ``cpu_seconds``."""
        return [one[what] / one[per] for one in self.slices]

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, line: str) -> Any:
        questions, answers = self._process.stdin, self._process.stdout
        print(line, file=questions, flush=True)
        answer = answers.readline() if answers else ""
        if not answer:
            sys.exit(f"{self.name} ended with exit code {self._process.wait()} where an answer was expected: see above")
        return json.loads(answer)


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    expect_possible(options)
    if options.profile:
        profile(options)
        return
    if options.tree:
        compare_trees(options)
        return
    processes = [Process(contender) for contender in present(options)]  # they import at the same time
    for process in processes:
        process.introduce(options.work)
    expect_equal(processes)
    for _ in range(options.rounds):
        for process in processes:
            process.train(options.slice)
    for process in processes:
        process.close()
    expect_equal(processes)
    report = make_report(options, processes)
    show(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def expect_possible(options: Options) -> None:
    """Refuse impossible options: all environments step at once, peers make whole updates, only DN has other norms."""
    work = options.work
    if options.rounds < 1 or options.slice % work.num_envs or work.prefill % work.num_envs:
        sys.exit(
            "expected at least one round, and slice and prefill to be multiples of num_envs, got "
            f"{options.rounds}, {options.slice}, {work.prefill} and {work.num_envs}"
        )
    for beside in ("renorm", "fixed"):
        if getattr(options, beside) and (work.network, work.norm) != ("dn", "batch"):
            sys.exit(
                f"expected dn with norm batch beside --{beside}, got {work.network} with {work.norm}: leave one out"
            )
    if work.num_envs * work.samples_per_env_step % work.batch_size:
        sys.exit(
            "expected num_envs * samples_per_env_step to be a multiple of batch_size, got "
            f"{work.num_envs} * {work.samples_per_env_step} and {work.batch_size}"
        )


def present(options: Options) -> list[Contender]:
    """Return the contenders to measure; print the skipped ones with the reason."""
    chosen = []
    for contender in CONTENDERS:
        if contender.name in options.without:
            print(f"skipped: {contender.name}, as asked")
        elif absent := [package for package in contender.needs if find_spec(package) is None]:
            print(f"skipped: {contender.name}, without {' and '.join(absent)}: pip install '.[bench]'")
        elif all(getattr(options, argument.removeprefix("--")) for argument in contender.arguments):
            chosen.append(contender)
    return chosen


def expect_equal(processes: list[Process]) -> None:
    """Check that all contenders do equal work."""
    for what in ("parameters", "torch", "threads"):
        values = {process.name: process.introduction[what] for process in processes}
        if len(set(values.values())) > 1:
            sys.exit(f"expected equal {what}, got {values}")
    work = {process.name: [(one["env_steps"], one["updates"]) for one in process.slices] for process in processes}
    if len({str(slices) for slices in work.values()}) > 1:
        sys.exit(f"expected equal env steps and updates in each slice, got {work}")


def make_report(options: Options, processes: list[Process]) -> dict[str, Any]:
    ours, peers = processes[0], [process for process in processes if not process.name.startswith(OURS)]
    ratios = {peer.name: ratio(ours, peer) for peer in peers}
    return {
        "ratio_vs": {name: numbers["of_medians"] for name, numbers in ratios.items()},
        "ratios": ratios,
        "contenders": {process.name: numbers_of(process) for process in processes},
        "work": asdict(options.work) | {"slice": options.slice, "rounds": options.rounds},
        "machine": machine(),
    }


def ratio(ours: Process, peer: Process) -> dict[str, float]:
    """Return the ratio of our speed to a peer's: by the medians, and the extremes over the rounds."""
    mine, theirs = ours.rates("env_steps"), peer.rates("env_steps")
    rounds = [a / b for a, b in zip(mine, theirs, strict=True)]
    cpu = median(ours.rates("env_steps", "cpu_seconds")) / median(peer.rates("env_steps", "cpu_seconds"))
    return {
        "of_medians": median(mine) / median(theirs),
        "smallest": min(rounds),
        "largest": max(rounds),
        "by_cpu_time": cpu,
    }


def numbers_of(process: Process) -> dict[str, Any]:
    env_steps = process.rates("env_steps")
    return process.introduction | {
        "env_steps_per_second": median(env_steps),
        "env_steps_per_cpu_second": median(process.rates("env_steps", "cpu_seconds")),
        "updates_per_second": median(process.rates("updates")),
        "env_steps_per_second_of_rounds": env_steps,
    }


def show(report: dict[str, Any]) -> None:
    work, contenders = report["work"], report["contenders"]
    about = next(iter(contenders.values()))
    print(f"{report['machine']['cpu']}, {report['machine']['cores']} cores; torch {about['torch']}, ", end="")
    print(f"{about['threads']} threads, {work['device']}, {work['precision']}")
    network = f"dn with norm {work['norm']}" if work["network"] == "dn" else work["network"]
    print(f"{work['game']}, {work['num_envs']} environments, {network} ", end="")
    print(f"({about['parameters']:,} parameters), batch {work['batch_size']}, ", end="")
    print(f"{work['samples_per_env_step']} samples per env step, {work['rounds']} x {work['slice']} env steps\n")
    print(f"{'':34}{'env steps/s':>12}{'(rounds)':>18}{'per CPU second':>16}{'updates/s':>11}")
    for name, one in contenders.items():
        rounds = one["env_steps_per_second_of_rounds"]
        print(f"{name:34}{one['env_steps_per_second']:12.1f}{f'{min(rounds):.0f} to {max(rounds):.0f}':>18}", end="")
        print(f"{one['env_steps_per_cpu_second']:16.1f}{one['updates_per_second']:11.2f}")
    for name, one in report["ratios"].items():
        print(f"\nrlvision / {name}: {one['of_medians']:.2f} (rounds: {one['smallest']:.2f} to ", end="")
        print(f"{one['largest']:.2f}; by processor time: {one['by_cpu_time']:.2f})")


def compare_trees(options: Options) -> None:
    trees = [read_tree(text) for text in options.tree]
    if len(trees) < 2:
        sys.exit(f"expected two trees or more to compare, got {options.tree[0]} alone: add another --tree=NAME:PYTHON")
    report = measure_trees(trees, options.work, options.rounds, options.slice)
    report |= {"work": asdict(options.work) | {"slice": options.slice, "rounds": options.rounds}, "machine": machine()}
    show_trees(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def profile(options: Options) -> None:
    from contenders.rlvision_dqn import norm_of
    from contenders.stopwatch import profile_rlvision

    norm = norm_of(renorm=options.renorm, fixed=options.fixed)
    profile_rlvision(options.work, double=options.double, norm=norm, env_steps=options.slice)


if __name__ == "__main__":
    main()

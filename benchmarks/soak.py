"""A test for memory leaks: the memory of a long run, measured from outside.

    python benchmarks/soak.py --minutes 20 --json soak.json --picture soak.png
    python benchmarks/soak.py --minutes 2 --leak 1000          deliberately leaks 1,000 bytes per game

A run of a preset with a small replay constantly trains, evaluates, records videos and saves. Twice a second its
resident memory and its number of games are recorded. Once the memory has settled, the slope of a line through the
curve gives the bytes per game, with 95 % bounds (`measure.slope`).
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from measure.machine import machine
from measure.processes import resident
from measure.slope import Slope, slope

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The run, and its length."""

    minutes: float = 20.0
    """Shortest duration of the run."""
    episodes: int = 1_000
    """Smallest number of games."""
    warm_up: float = 0.25
    """Share of the games during which the memory may settle."""
    leak: int = 0
    """Bytes to leak deliberately with every game."""
    json: Path | None = None
    """File to write all numbers to."""
    picture: Path | None = None
    """File to draw the curve into, a .png."""
    settings: tyro.conf.Positional[tuple[str, ...]] = ()
    """Preset and further settings of the run, after a lone --; the preset cartpole-dqn."""


SETTINGS = (
    "--env-steps=1000000000",
    "--replay.capacity=1000",
    "--replay.learning-starts=200",
    "--replay.samples-per-env-step=2",
    "--checkpoint-every=500",
    "--evaluate-every=500",
    "--evaluation.games=2",
    "--tracking.video-every=4",
    "--tracking.video-steps=50",
    "--wandb=disabled",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of games and memory."""

    seconds: float
    episodes: int
    nbytes: int


class Games:
    """A counter of the games in a run's metrics.jsonl while it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.count = 0

    def look(self) -> int:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                text = file.read()
            self._read += len(text)
            self.count += text.count(b'"episode/score"')
        return self.count


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    with tempfile.TemporaryDirectory() as folder:
        samples = watch(options, Path(folder) / "run")
    settled = settle(samples, options.warm_up)
    line = slope([sample.episodes for sample in settled], [sample.nbytes for sample in settled])
    print(in_words(samples, settled, line))
    if options.json is not None:
        options.json.write_text(json.dumps(report(options, samples, settled, line), indent=1) + "\n")
    if options.picture is not None:
        draw(options.picture, samples, settled, line)


def watch(options: Options, run: Path) -> list[Sample]:
    preset, *settings = options.settings or ("cartpole-dqn",)
    train = [sys.executable, "-m", "measure.leaky_train", str(options.leak), preset, *SETTINGS, *settings]
    process = subprocess.Popen([*train, f"--out={run}"], cwd=HERE, stdout=subprocess.DEVNULL)
    games, samples, begin = Games(run / "metrics.jsonl"), [], time.monotonic()
    try:
        while not_enough(samples, options) and process.poll() is None:
            samples.append(Sample(time.monotonic() - begin, games.look(), resident(process.pid)))
            time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    if not_enough(samples, options):
        sys.exit(f"the run ended by itself after {games.count} games, with exit code {process.returncode}")
    return samples


def not_enough(samples: list[Sample], options: Options) -> bool:
    return not samples or samples[-1].seconds < 60 * options.minutes or samples[-1].episodes < options.episodes


def settle(samples: list[Sample], warm_up: float) -> list[Sample]:
    """Return the samples after the warm-up."""
    return [sample for sample in samples if sample.episodes >= warm_up * samples[-1].episodes]


def in_words(samples: list[Sample], settled: list[Sample], line: Slope) -> str:
    low, high = (f(sample.nbytes for sample in settled) / 1e6 for f in (min, max))
    return (
        f"{samples[-1].episodes:,} games in {samples[-1].seconds / 60:.1f} minutes; settled after "
        f"{settled[0].episodes:,}: {low:.1f} to {high:.1f} MB\n"
        f"{line.per_x:+.0f} bytes a game (95 %: {line.low:+.0f} to {line.high:+.0f}), "
        f"{(settled[-1].episodes - settled[0].episodes) * line.per_x / 1e6:+.2f} MB in all"
    )


def report(options: Options, samples: list[Sample], settled: list[Sample], line: Slope) -> dict[str, object]:
    return {
        "machine": machine(),
        "settings": [*(options.settings or ("cartpole-dqn",)), *SETTINGS],
        "leak_on_purpose": options.leak,
        "minutes": samples[-1].seconds / 60,
        "episodes": samples[-1].episodes,
        "settled_after": settled[0].episodes,
        "bytes_per_episode": asdict(line),
        "peak_bytes": max(sample.nbytes for sample in samples),
        "samples": [[round(one.seconds, 1), one.episodes, one.nbytes] for one in thinned(samples)],
    }


def thinned(samples: list[Sample]) -> list[Sample]:
    return samples[:: 1 + len(samples) // 1_000]


def draw(path: Path, samples: list[Sample], settled: list[Sample], line: Slope) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot([s.episodes for s in samples], [s.nbytes / 1e6 for s in samples], color="0.7", label="settling")
    axes.plot([s.episodes for s in settled], [s.nbytes / 1e6 for s in settled], color="C0", label="settled")
    ends = settled[0].episodes, settled[-1].episodes
    fitted = [(line.at_zero + line.per_x * end) / 1e6 for end in ends]
    bounds = f"{line.low:+.0f} to {line.high:+.0f}"
    axes.plot(ends, fitted, "k--", label=f"{line.per_x:+.0f} bytes a game (95 %: {bounds})")
    leaking = [fitted[0], fitted[0] + (ends[1] - ends[0]) * 1e-3]
    axes.plot(ends, leaking, "C3:", label="what a leak of 1 kB a game would look like")
    axes.set(xlabel="games", ylabel="resident memory, MB", title="Memory of a run over its games")
    axes.set_ylim(bottom=0.9 * min(s.nbytes for s in settled) / 1e6)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

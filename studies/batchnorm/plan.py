"""The plan of the study: environments ("worlds"), arms, and experiments that change one thing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent

Overrides = Mapping[str, str | float | Sequence[str] | Sequence[int] | Mapping[str, str] | None]
"""Dotted setting -> value."""


@dataclass(frozen=True, slots=True)
class World:
    """An environment: a preset, and the settings that the study changes."""

    title: str
    preset: str
    overrides: Overrides
    too_small_for: tuple[str, ...] = ()
    """Arms whose network needs larger frames."""


SLOW: Overrides = {"network.momentum": 0.1}
"""Torch's momentum, the default of all arms when the study was run."""
FIELD: Overrides = {"env.height": 77, "env.width": 77}
"""One size for all arms; unset, each encoder would have its own."""

WORLDS: Mapping[str, World] = {
    "catch": World("Catch, 40x32, one frame", str(HERE / "catch.yaml"), SLOW, too_small_for=("nature",)),
    "cartpole": World("CartPole from pixels, two frames", str(HERE / "cartpole.yaml"), SLOW),
    "pong": World(
        "Pong, preset pong-fast as it was first",
        str(HERE / "pong.yaml"),
        {
            "env_steps": 270_000,
            "evaluation.target_score": None,
            "env.actions": ["FIRE", "RIGHTFIRE", "LEFTFIRE"],
            "env.crop": [34, 194, 0, 160],
            **FIELD,
            "network.norm": "renorm",
            **SLOW,
            "exploration.final": None,
            "exploration.final_env_steps": None,
            "agent.n_step": 10,
            "optimiser.learning_rate": 5e-4,
        },
    ),
    "breakout": World(
        "Breakout, preset breakout as it was first",
        "breakout",
        {
            "env_steps": 100_000,
            "evaluate_every": 0,
            **FIELD,
            "network.norm": "renorm",
            **SLOW,
            "env.full_action_space": None,
            "env.actions": ["FIRE", "RIGHT", "LEFT"],
            "replay.capacity": 100_000,
            "replay.learning_starts": 5_000,
        },
    ),
}

RENORM: Overrides = {"network.norm": "renorm"}

ARMS: Mapping[str, Overrides] = {
    "renorm": RENORM,
    "running": {"network.norm": "running"},
    "running, momentum 0.9": {"network.norm": "running", "network.momentum": 0.9},
    "batch": {"network.norm": "batch"},
    "joint": {"network.norm": "joint"},
    "fixed": {"network.norm": "fixed"},
    "frozen": {"network.norm": "frozen"},
    "layer": {"network.norm": "layer"},
    "none": {"network.norm": "none"},
    "nature": {"network.encoder": "nature"},
}
"""DN with each normalisation, and NatureCNN, which has none."""

EXPERIMENTS: Mapping[str, Overrides] = {
    "renorm, not calibrated": {**RENORM, "network.calibration_batches": 0},
    "renorm, momentum 0.01": {**RENORM, "network.momentum": 0.01},
    "renorm, momentum 0.01, not clipped": {
        **RENORM,
        "network.momentum": 0.01,
        "network.r_max": 1e6,
        "network.d_max": 1e6,
    },
    "renorm, momentum 0.3": {**RENORM, "network.momentum": 0.3},
    "renorm, scale alone": {**RENORM, "network.d_max": 0},
    "renorm, shift alone": {**RENORM, "network.r_max": 1},
    "renorm, not clipped": {**RENORM, "network.r_max": 1e6, "network.d_max": 1e6},
    "renorm, r and d hardly free": {**RENORM, "network.r_max": 1.1, "network.d_max": 0.1},
    "renorm, learning rate / 3": {**RENORM, "optimiser.learning_rate": 1.67e-4},
    "renorm, learning rate x 3": {**RENORM, "optimiser.learning_rate": 1.5e-3},
    "renorm, Adam epsilon 1e-8": {**RENORM, "optimiser.epsilon": 1e-8},
    "renorm, batch 128": {**RENORM, "replay.batch_size": 128, "replay.samples_per_env_step": 32},
    "renorm, target period x 4": {**RENORM, "agent.target_period": 800},
    "renorm, head from zero": {**RENORM, "network.zero_init_head": True},
    "renorm, hidden layer of 128": {**RENORM, "network.hidden": 128},
    "renorm, weight decay 1e-4": {**RENORM, "optimiser.weight_decay": 1e-4},
    "renorm, pixels centred": {"network.encoder": "studies.batchnorm.encoders:CentredDN"},
    "renorm, one frame": {**RENORM, "env.stack": 1},
    "renorm, four frames": {**RENORM, "env.stack": 4},
    "running, momentum 0.01": {"network.norm": "running", "network.momentum": 0.01},
    "running, learning rate / 3": {"network.norm": "running", "optimiser.learning_rate": 1.67e-4},
    "running, target period x 4": {"network.norm": "running", "agent.target_period": 800},
    "running, batch 128": {
        "network.norm": "running",
        "replay.batch_size": 128,
        "replay.samples_per_env_step": 32,
    },
    "batch, momentum 0.9": {"network.norm": "batch", "network.momentum": 0.9},
    "batch, no lag": {"network.norm": "batch", "agent.target_period": 1},
    "batch, learning rate / 3": {"network.norm": "batch", "optimiser.learning_rate": 1.67e-4},
    "batch, n 20": {"network.norm": "batch", "agent.n_step": 20},
    "recalibrated": {"network.norm": "recalibrated"},
    "none, larger weights": {"network.encoder": "studies.batchnorm.encoders:HeDN"},
    "none, pixels centred": {
        "network.encoder": "studies.batchnorm.encoders:CentredDN",
        "network.kwargs": {"norm": "none"},
    },
    "none, learning rate x 3": {"network.norm": "none", "optimiser.learning_rate": 1.5e-3},
    "none, Adam epsilon 1e-8": {"network.norm": "none", "optimiser.epsilon": 1e-8},
    "nature, larger weights": {"network.encoder": "studies.batchnorm.encoders:HeNature"},
    "nature, learning rate / 3": {"network.encoder": "nature", "optimiser.learning_rate": 1.67e-4},
    "layer, pixels centred": {"network.encoder": "studies.batchnorm.encoders:CentredLayerDN"},
    "frozen, learning rate / 10": {"network.norm": "frozen", "optimiser.learning_rate": 5e-5},
    "frozen, momentum 0.01": {"network.norm": "frozen", "network.momentum": 0.01},
    "frozen, statistics as calibrated": {"network.norm": "frozen", "network.momentum": 1e-9},  # now `fixed`
    "frozen, pixels centred": {
        "network.encoder": "studies.batchnorm.encoders:CentredDN",
        "network.kwargs": {"norm": "frozen"},
    },
    "frozen, pixels inverted": {
        "network.encoder": "studies.batchnorm.encoders:InvertedDN",
        "network.kwargs": {"norm": "frozen"},
    },
    "renorm, pixels inverted": {"network.encoder": "studies.batchnorm.encoders:InvertedDN"},
    "renorm, QR-DQN": {**RENORM, "agent.name": "qr_dqn"},
    "renorm, gamma 0.98": {**RENORM, "agent.gamma": 0.98},
    "renorm, rewards / 20": {**RENORM, "agent.reward_scale": 0.05},
    "renorm, rewards / 20, gamma 0.98": {**RENORM, "agent.reward_scale": 0.05, "agent.gamma": 0.98},
    "layer, rewards / 20, gamma 0.98": {"network.norm": "layer", "agent.reward_scale": 0.05, "agent.gamma": 0.98},
    "running, rewards / 20, gamma 0.98": {"network.norm": "running", "agent.reward_scale": 0.05, "agent.gamma": 0.98},
}
"""Experiments with one change at a time on the world ``cartpole`` (learning rate 5e-4, target period 200, stack 2,
rewards of 2), and a few arms again with today's rewards and gamma of the preset ``quick``. "renorm, not clipped" and
"renorm, momentum 0.3" are for ``breakout``; "running, target period x 4", those of "batch" and
"nature" for ``pong``; scale and shift alone for ``fit.py``."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the study."""

    world: str
    name: str
    seed: int

    @property
    def overrides(self) -> Overrides:
        """All settings that differ from the preset."""
        return WORLDS[self.world].overrides | (ARMS | EXPERIMENTS)[self.name]

    @property
    def folder(self) -> str:
        """Its folder in the study's, and its name in the table: ``cartpole/renorm-momentum-0.01-seed1``."""
        words = self.name.replace(",", "").replace("/", "div").replace(" ", "-")
        return f"{self.world}/{words}-seed{self.seed}"


def cells(worlds: Sequence[str], names: Sequence[str], seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield the runs seed by seed, so that an interrupted study has compared all arms on its first seeds."""
    for seed in seeds:
        for world in worlds:
            for name in names:
                if name not in WORLDS[world].too_small_for:
                    yield Cell(world, name, seed)

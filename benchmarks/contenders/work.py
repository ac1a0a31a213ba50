"""The work of all contenders of `throughput.py`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The settings that are equal for all contenders."""

    game: str = "PongNoFrameskip-v4"
    """Atari game, by its Gymnasium id without frame skip."""
    num_envs: int = 8
    """Environments stepped together."""
    network: Literal["dn", "nature"] = "dn"
    """dn: three convolutions and a linear head; nature: Mnih et al. 2015."""
    norm: Literal["batch", "none"] = "batch"
    """Normalisation of dn: torch's BatchNorm, or none."""
    batch_size: int = 32
    """Transitions per update."""
    samples_per_env_step: int = 8
    """Transitions learned from per env step."""
    target_period: int = 500
    """Updates between copies into the target network."""
    capacity: int = 10_000
    """Transitions kept."""
    prefill: int = 5_000
    """Env steps before the first update."""
    epsilon: float = 0.01
    """Share of random actions, so that the network acts at every step."""
    threads: int | None = None
    """CPU threads of torch; unset, torch's own choice, the same for all."""
    device: str = "cpu"
    """Device of the networks."""
    precision: Literal["float32", "auto"] = "float32"
    """Precision of rlvision's encoder; auto takes bfloat16 if the hardware has it. Others compute in float32."""

    @property
    def updates_per_vector_step(self) -> int:
        """Updates for each step of all environments."""
        return self.num_envs * self.samples_per_env_step // self.batch_size

"""Assembly of transitions from rows: frame stacks and n-step returns, built when a batch is read.

A window starts at row i and sums m <= n rewards::

    row                i     i+1   i+2   i+3
    reward             r0    r1    r2               return = r0 + γ r1 + γ² r2
    observation        o0                o3         discount = γ³, bootstrapping from o3  (m = n = 3)

It stops before n when row i + m - 1 ended, or when row i + m is dead: the row after it is ``first``,
so its successor is unknown. The return still bootstraps from row i + m. After an end that row holds
the true last observation; in a game that was cut off it holds the last one stored. Only termination
makes the discount 0.

Sources: Sutton and Barto, "Reinforcement Learning" (2018), equation 7.1; Pardo et al., "Time Limits
in Reinforcement Learning" (2018), for bootstrapping where a game was truncated.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rlvision.core.action_masks import with_masks_of_rows
from rlvision.core.types import RewardTransform, Transition

if TYPE_CHECKING:
    from rlvision.replay.storage import RingBuffer


def window_length(ended: Tensor, first: Tensor) -> Tensor:
    """Return m, the number of rewards in each window.

    Args:
        ended: whether rows i … i + n - 2 terminated or were truncated, [B, n - 1] bool.
        first: the ``first`` flags of rows i + 2 … i + n, [B, n - 1] bool.

    Returns:
        1 … n, [B] int64.
    """
    goes_on = ~(ended | first)  # [B, n-1] past row i + k
    return 1 + goes_on.cumprod(dim=1).sum(dim=1)


def n_step_return(reward: Tensor, within: Tensor, powers: Tensor) -> Tensor:
    """Return the n-step return r_0 + γ r_1 + … + γ^(m-1) r_(m-1) of each window.

    Args:
        reward: rewards of rows i … i + n - 1, [B, n] float32.
        within: whether each is among the first m, [B, n] bool.
        powers: γ^0 … γ^(n-1), [n] float32.

    Returns:
        [B] float32.
    """
    return torch.where(within, reward * powers, 0.0).sum(dim=1)


def episode_start_column(first: Tensor) -> Tensor:
    """Return the column of each stack in which its game begins; 0 when it began there or before.

    Args:
        first: the ``first`` flags of a stack's rows, oldest on the left, [B, stack] bool.

    Returns:
        0 … stack - 1, [B] int64.
    """
    columns = torch.arange(first.shape[1], device=first.device)  # [stack]
    return (first * columns).amax(dim=1)


class NStepAssembler:
    """A reader of transitions from a ring buffer, each from one strip of consecutive cells.

    ::

        column      0          …       stack - 1     …       stack + n - 1
        row         i - stack + 1      i                     i + n
                    |_____ observation _|
                           |___ next observation, m columns on ___|

    Args:
        ring: the rows.
        stack: frames of an observation.
        n_step: n.
        gamma: γ.
        reward_transform: applied to rewards before they are summed; None changes nothing.
    """

    def __init__(
        self, ring: "RingBuffer", stack: int, n_step: int, gamma: float, reward_transform: RewardTransform | None
    ) -> None:
        self._ring = ring
        self._stack = stack
        self._transform = reward_transform
        self.set_horizon(n_step, gamma)

    def set_horizon(self, n_step: int, gamma: float) -> None:
        """Change n and γ."""
        self._n_step = n_step
        self._columns = torch.arange(self._stack + n_step, device=self._ring.device)  # [stack+n]
        self._offsets = (self._columns - (self._stack - 1)) * self._ring.num_envs  # [stack+n] cells from row i
        powers = gamma ** torch.arange(n_step + 1, dtype=torch.float64)  # on the CPU, as some devices lack float64
        self._powers = powers.float().to(self._ring.device)  # [n+1]

    def gather(self, index: Tensor) -> Transition:
        """Return the transitions that start at ``index`` = row * N + environment, [B] int64."""
        ring, start = self._ring, self._stack - 1
        strip = (index[:, None] + self._offsets) % ring.cells  # [B, stack+n]
        flags = _rows(ring.flags, strip)  # [B, stack+n, 3 + A]
        terminated, truncated, first = flags.unbind(dim=2)[:3]  # [B, stack+n]
        length = window_length((terminated | truncated)[:, start:-2], first[:, self._stack + 1 :])  # [B]
        within = self._columns[: self._n_step] < length[:, None]  # [B, n]
        observation, next_observation = self._observations(strip, first, length)
        transition = Transition(
            observation=observation,
            action=ring.action.take(strip[:, start]),
            reward=n_step_return(self._rewards(strip[:, start:-1]), within, self._powers[:-1]),
            discount=self._powers.take(length) * ~(terminated[:, start:-1] & within).any(dim=1),
            next_observation=next_observation,
        )
        return with_masks_of_rows(transition, flags[:, start:, 3:], length) if ring.mask_size else transition

    def _rewards(self, cells: Tensor) -> Tensor:
        reward = self._ring.reward.take(cells)  # [B, n]
        return reward if self._transform is None else self._transform(reward)

    def _observations(self, strip: Tensor, first: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stacks that end at rows i and i + m, each [B, stack * c, H, W] uint8.

        Only the start of a window can be ``first``, so both stacks belong to one game. Cells from
        before that game point at the blank frame: one copy, with no mask and no branch.
        """
        ring, stack = self._ring, self._stack
        in_game = self._columns >= episode_start_column(first[:, :stack])[:, None]  # [B, stack+n]
        strip = torch.where(in_game, strip, ring.blank)
        shifted = strip.gather(1, length[:, None] + self._columns[:stack])  # [B, stack]
        frames = ring.frames.read(torch.cat((strip[:, :stack], shifted)).flatten())
        channels, height, width = ring.frame_shape
        observation, next_observation = frames.view(2, len(strip), stack * channels, height, width)
        return observation, next_observation


def _rows(field: Tensor, cells: Tensor) -> Tensor:
    """Return the rows of ``field`` [cells, K] at ``cells`` [B, S], [B, S, K]."""
    return field.index_select(0, cells.flatten()).view(*cells.shape, -1)

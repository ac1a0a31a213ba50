"""rlvision's DQN as a contender: the `Trainer` of a run, which logs its metrics to a file as in any run.

Like the other contenders, it has one-step returns, plain BatchNorm and no Double. ``--double`` adds Double,
``--renorm`` chooses BatchRenorm, rlvision's default, and ``--fixed`` fixed statistics.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NoReturn

import torch
from contenders.slices import serve
from contenders.work import Work

from rlvision.agents.dqn import DQNSettings
from rlvision.config.schema import Config
from rlvision.core.memory import keep_freed_memory, usage
from rlvision.envs.settings import EnvSettings
from rlvision.learning.settings import ExplorationSettings, OptimiserSettings
from rlvision.nn.settings import NetworkSettings
from rlvision.replay.settings import ReplaySettings
from rlvision.runs import builders
from rlvision.tracking.jsonl import JsonlTracker
from rlvision.training.callback_list import CallbackList
from rlvision.training.collector import Collector, DiscountedReturns
from rlvision.training.plan import TrainPlan
from rlvision.training.trainer import Hooks, Trainer

FOREVER = 10**12

Norm = Literal["running", "renorm", "fixed"]


class TrainerLoop:
    """A `contenders.slices.Loop` of rlvision's `Trainer`, with the settings of any run."""

    version = version("rlvision")

    def __init__(self, config: Config) -> None:
        keep_freed_memory()
        self.env = builders.make_env(config, config.env.num_envs, split=not config.agent.uses_replay)
        self.agent = builders.make_agent(config, self.env.spec)
        returns = DiscountedReturns(config.env.num_envs, self.agent.gamma, self.agent.reward_transform)
        self.collector = Collector(self.env, self.agent.policy, self.agent.memory, returns)
        self._folder = tempfile.TemporaryDirectory()
        self._tracker = JsonlTracker(Path(self._folder.name))
        self.trainer = Trainer(
            agent=self.agent,
            collector=self.collector,
            tracker=self._tracker,
            plan=_plan(config),
            hooks=_hooks(),
            callbacks=CallbackList((), Path(self._folder.name)),
        )
        self.env.reset(seed=1)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.agent.learner.networks.online.parameters())

    @property
    def updates(self) -> int:
        return self.agent.learner.updates

    def train(self, env_steps: int) -> None:
        end = self.collector.env_steps + env_steps
        while self.collector.env_steps < end:
            self.trainer.step()

    def close(self) -> None:
        self.env.close()
        self._tracker.close()
        self._folder.cleanup()


class RLVisionLoop(TrainerLoop):
    """A warmed-up loop of DQN at the work of the contenders."""

    def __init__(self, work: Work, *, double: bool, norm: Norm) -> None:
        super().__init__(settings(work, double=double, norm=norm))
        self.work = work
        self.train(work.prefill + 2 * work.num_envs)


def norm_of(*, renorm: bool, fixed: bool) -> Norm:
    """Return the chosen normalisation; by default the other contenders' own."""
    return "renorm" if renorm else "fixed" if fixed else "running"


def settings(work: Work, *, double: bool, norm: Norm) -> Config:
    has_norm = work.network == "dn" and work.norm == "batch"
    return Config(
        env_steps=FOREVER,
        evaluate_every=0,
        checkpoint_every=0,
        device=work.device,
        precision=work.precision,
        env=EnvSettings(game=work.game, num_envs=work.num_envs, height=84, width=84),  # the peers' size
        network=NetworkSettings(encoder=work.network, norm=norm if has_norm else "none", momentum=0.1),  # torch's
        replay=ReplaySettings(
            capacity=work.capacity,
            batch_size=work.batch_size,
            samples_per_env_step=work.samples_per_env_step,
            learning_starts=work.prefill,
        ),
        agent=DQNSettings(double=double, n_step=1, target_period=work.target_period),
        optimiser=OptimiserSettings(name="adam"),
        exploration=ExplorationSettings(start=work.epsilon, end=work.epsilon),
    )


def _plan(config: Config) -> TrainPlan:
    return TrainPlan(
        env_steps=config.env_steps,
        log_every=config.tracking.log_every,
        evaluate_every=config.evaluate_every,
        checkpoint_every=config.checkpoint_every,
        target_score=config.evaluation.target_score,
        promising_score=None,
        patience=config.evaluation.patience,
    )


def _hooks() -> Hooks:
    return Hooks(
        evaluate=_never,
        save=_never,
        save_best=_never,
        show_progress=_ignore,
        save_curve=_never,
        on_evaluation=_never,
        system_metrics=lambda: usage(torch.device("cpu")),
    )


def _ignore(env_steps: int) -> None:
    pass


def _never(*_: object) -> NoReturn:
    raise AssertionError("the plan has no evaluation and no checkpoint")


def loop_maker(arguments: Sequence[str]) -> Callable[[Work], RLVisionLoop]:
    """Return a function that makes the loop which the arguments of the command line name."""
    norm = norm_of(renorm="--renorm" in arguments, fixed="--fixed" in arguments)
    return lambda work: RLVisionLoop(work, double="--double" in arguments, norm=norm)


if __name__ == "__main__":
    serve(loop_maker(sys.argv[1:]))

"""Watch a run in the browser, during or after its training."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from rlvision.core.seeding import generator
from rlvision.core.signals import StopReason, interruption
from rlvision.core.types import EnvSpec
from rlvision.core.wording import title_of
from rlvision.envs.screen import make_screen
from rlvision.envs.split_env import ReplayableEnv
from rlvision.learning.policies import EpsilonGreedy
from rlvision.runs import builders
from rlvision.runs.export_folder import MODEL, ExportFolder
from rlvision.runs.find import find_agent
from rlvision.runs.run import Run
from rlvision.runs.run_folder import RunFolder
from rlvision.runs.stored_spec import require_same_spec
from rlvision.watch.rollout import Rollout
from rlvision.watch.web.human_policy import HumanPolicy, MutableSchedule
from rlvision.watch.web.inspector import Inspector
from rlvision.watch.web.player import Player
from rlvision.watch.web.server import WebView
from rlvision.watch.web.weights import LoadedCheckpoint, WeightWatcher


def serve(
    folder: str | Path,
    *,
    port: int = 8000,
    epsilon: float | None = None,
    seed: int = 0,
    weights: str | None = None,
    device: str = "auto",
    announce: Callable[[str], None] = print,
    interrupted: StopReason | None = None,
    trust_imports: bool = False,
) -> None:
    """Serve a page on 127.0.0.1 where a run's agent plays, until an interruption.

    The page follows a run in training: it waits for the first weights, and loads newer ones as they appear.

    Args:
        folder: of the run, of an export, or the name of a bundled agent.
        port: of the page; 0 takes any free one.
        epsilon: initial probability of a random action; None: the run's ``evaluation.epsilon``.
        seed: of the first game; each later game adds 1.
        weights: ``best`` or ``last``; None: the newer of the two.
        device: as in the configuration.
        announce: called with the address to open.
        interrupted: returns the reason to stop, or None; by default, Ctrl-C and SIGTERM stop it.
        trust_imports: as in `rlvision.runs.run.Run`.

    Raises:
        RLVisionError: there is no run, its environment cannot be watched, or the port is taken.
    """
    home = find_agent(Path(folder), trust_imports=trust_imports)
    config = home.config()
    with ExitStack() as stack:
        stop = interrupted or stack.enter_context(interruption())
        env = builders.make_one(config)
        stack.callback(env.close)
        load = NewestWeights(home, env.spec, weights, device)
        chance = config.evaluation.epsilon if epsilon is None else epsilon
        player, weight_watcher = make_player(env, load, epsilon=chance, seed=seed)
        inspector = Inspector(player.changed)
        stack.enter_context(_working(weight_watcher.run, inspector.work))
        about = {"title": title_of(config.env.game), "run": home.path.name, "part": config.env.crop}
        announce(stack.enter_context(WebView(player, inspector, about).open(port)))
        player.play(stop)


def make_player(
    env: ReplayableEnv, load: Callable[[], LoadedCheckpoint | None], *, epsilon: float, seed: int
) -> tuple[Player, WeightWatcher]:
    """Return a player of an environment, and the watcher of its weights, which has tried to load them once.

    Args:
        env: of one environment.
        load: see `rlvision.watch.web.weights.WeightWatcher`.
        epsilon: probability of a random action.
        seed: of the games and the random actions.
    """
    changed, epsilon_schedule, screen = threading.Condition(), MutableSchedule(epsilon), make_screen(env)
    weight_watcher = WeightWatcher(load, changed)
    weight_watcher.poll()
    agent = EpsilonGreedy(
        weight_watcher.q_function, env.spec.num_actions, epsilon_schedule, generator(seed, "watching")
    )
    human_policy = HumanPolicy(agent, env.spec.action_meanings)
    rollout = Rollout(env, screen, weight_watcher.q_values, human_policy, seed=seed, games=None)
    return Player(
        rollout, human_policy, epsilon_schedule, weight_watcher, fps=screen.fps, changed=changed
    ), weight_watcher


class NewestWeights:
    """Load a run's weights as they appear, each once.

    Args:
        folder: of the run, or an export, whose weights do not change.
        spec: of the environment that they play in.
        which: ``best`` or ``last``; None: the newer of the two.
        device: as in the configuration.
    """

    def __init__(self, folder: RunFolder | ExportFolder, spec: EnvSpec, which: str | None, device: str) -> None:
        self._folder = folder
        self._spec = spec
        self._which = which
        self._device = device
        self._seen: tuple[int, Path, str] | None = None  # time of writing, path, name

    def __call__(self) -> LoadedCheckpoint | None:
        """Return weights newer than the last ones, or None if there are none.

        Raises:
            CheckpointError: they are damaged, or belong to another environment.
        """
        newest = max(self._written(), default=None)
        if newest is None or newest == self._seen:
            return None
        self._seen = newest
        # `serve` has checked that the folder's imports are trusted
        run = Run(self._folder.path, weights=newest[2], device=self._device, trust_imports=True)
        require_same_spec(replace(run.spec, num_envs=1), self._spec)
        return LoadedCheckpoint(run.network, run.q_values, run.env_steps, newest[2])

    def _written(self) -> Iterator[tuple[int, Path, str]]:
        for path, which in self._paths():
            try:
                yield path.lstat().st_mtime_ns, path, which
            except FileNotFoundError:
                continue  # not written yet, or replaced meanwhile

    def _paths(self) -> list[tuple[Path, str]]:
        """Return the paths that may hold weights, with their names."""
        if isinstance(self._folder, ExportFolder):
            return [(self._folder.path / MODEL, self._which or "best")]
        checkpoints = self._folder.checkpoints
        best = [(checkpoints.best_path, "best")] if self._which != "last" else []
        numbered = [(path, "last") for path in checkpoints.paths()] if self._which != "best" else []
        return [*best, *numbered]


@contextmanager
def _working(*jobs: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each job in its own thread inside the block, and stop all of them after it."""
    stop = threading.Event()
    threads = [threading.Thread(target=job, args=(stop,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()

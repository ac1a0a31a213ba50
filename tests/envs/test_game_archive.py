"""The archive of training games: each game once, whatever happens to the process and the files."""

from array import array
from pathlib import Path
from zlib import compress

import numpy as np
import pytest
import torch

from rlvision.core.errors import CheckpointError
from rlvision.envs.game_archive import (
    NUM_FILES,
    GameArchive,
    GameRecorder,
    RecordedGame,
    archive_files,
    encode,
    prefix_games,
    read_games,
)
from rlvision.learning.schedules import Constant
from rlvision.training.collector import Collector, DiscountedReturns


def game(
    number: int, *, env: int = 0, seed: int = 7, start: int = 0, actions: tuple[int, ...] = (0, 3, 1)
) -> RecordedGame:
    return RecordedGame(
        number=number,
        env=env,
        seed=seed,
        start=start,
        env_steps=100 * number,
        score=number - 0.5,
        length=len(actions) - 1,
        last_observation=f"{number:032x}",
        item_size=1,
        compressed=compress(bytes(actions)),
    )


def archive_of(folder: Path, *numbers: int, limit: int = 2**20) -> GameArchive:
    archive = GameArchive(folder, limit)
    for number in numbers:
        archive.append(game(number))
    return archive


def numbers_in(folder: Path) -> list[int]:
    return [kept.number for kept in read_games(folder)]


def test_games_come_back_as_they_were(tmp_path: Path) -> None:
    archive_of(tmp_path, 1, 2).close()
    assert read_games(tmp_path) == [game(1), game(2)]
    assert read_games(tmp_path)[0].actions == array("B", [0, 3, 1])
    assert read_games(tmp_path)[0].stop == 3


def test_an_entry_takes_the_bytes_of_its_actions_and_eighty_at_most(tmp_path: Path) -> None:
    actions = tuple(np.random.default_rng(0).integers(0, 18, 5000).tolist())
    assert len(encode(game(1, actions=actions))) <= 5000 + 80


def test_a_killed_and_continued_run_has_each_game_once(tmp_path: Path) -> None:
    killed = archive_of(tmp_path, 1, 2)
    checkpoint = killed.state_dict()
    killed.append(game(3))  # lost with the run, and played again
    killed.close()
    continued = GameArchive(tmp_path, 2**20)
    continued.load_state_dict(checkpoint)
    assert numbers_in(tmp_path) == [1, 2]
    continued.append(game(3))
    continued.append(game(4))
    assert numbers_in(tmp_path) == [1, 2, 3, 4]
    continued.close()


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    archive_of(tmp_path, 1, 2).close()
    again = GameArchive(tmp_path, 2**20)
    assert numbers_in(tmp_path) == [1, 2]  # an archive that gets no game changes nothing
    again.append(game(1))
    assert numbers_in(tmp_path) == [1]
    again.close()


def test_a_kill_in_the_middle_of_an_entry_costs_that_entry(tmp_path: Path) -> None:
    archive_of(tmp_path, 1, 2).close()
    [path] = archive_files(tmp_path)
    whole = path.read_bytes()
    for size in range(len(encode(game(1))), len(whole)):
        path.write_bytes(whole[:size])
        assert numbers_in(tmp_path) == [1]


def test_damage_is_told(tmp_path: Path) -> None:
    archive_of(tmp_path, 1, 2).close()
    [path] = archive_files(tmp_path)
    for place in (4, len(encode(game(1))) - 1):
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="expected undamaged games"):
            read_games(tmp_path)
        content[place] ^= 1
        path.write_bytes(content)


def test_only_so_many_bytes_are_kept_and_the_oldest_games_go(tmp_path: Path) -> None:
    entry = len(encode(game(1)))
    limit = NUM_FILES * 3 * entry
    archive = archive_of(tmp_path, *range(1, 101), limit=limit)
    kept = numbers_in(tmp_path)
    assert kept == list(range(kept[0], 101))
    assert limit - 3 * entry <= sum(path.stat().st_size for path in archive_files(tmp_path)) <= limit
    checkpoint = archive.state_dict()
    for number in range(101, 110):
        archive.append(game(number))
    archive.close()
    continued = GameArchive(tmp_path, limit)
    continued.load_state_dict(checkpoint)  # files that came after are gone, the one written at is cut
    assert numbers_in(tmp_path)[-1] == 100
    continued.append(game(101))
    assert numbers_in(tmp_path)[-2:] == [100, 101]
    continued.close()


def test_a_run_goes_on_where_somebody_has_deleted_its_tapes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = archive_of(tmp_path, 1, 2)
    checkpoint = archive.state_dict()
    archive.close()
    archive_files(tmp_path)[0].unlink()
    continued = GameArchive(tmp_path, 2**20)
    continued.load_state_dict(checkpoint)
    continued.append(game(3))
    assert numbers_in(tmp_path) == [3]
    assert "some recorded training games are gone" in caplog.text
    continued.close()


def test_a_tape_is_the_games_before_on_the_same_tape() -> None:
    games = [game(1), game(2, env=1), game(3, start=3), game(4, env=1, seed=8), game(5, start=6), game(6, seed=9)]
    assert [before.number for before in prefix_games(games[4], games)] == [1, 3]
    assert prefix_games(games[3], games) == []
    for missing in (0, 2):
        with pytest.raises(CheckpointError, match="expected the action log of game 5 from its seeded reset on"):
            prefix_games(games[4], games[:missing] + games[missing + 1 :])


class Forgetful:
    """A memory that keeps nothing."""

    def add(self, step: object) -> None:
        pass


class Random:
    """Random actions of a stream of its own."""

    def __init__(self, actions: int) -> None:
        self.rng, self.actions = np.random.default_rng(0), actions

    def act(self, observation: np.ndarray, first: np.ndarray, env_steps: int) -> np.ndarray:
        return self.rng.integers(0, self.actions, len(observation))


@pytest.fixture
def collector_of(rendered):
    def _collector_of(folder: Path) -> tuple[Collector, GameRecorder]:
        kwargs = {"lengths": (4, 2, 7), "ending": "alternate", "actions": 300}
        env = rendered("rlvision.envs.counting_env:CountingEnv", 2, height=32, width=32, stack=2, kwargs=kwargs)
        recorder = GameRecorder(env, GameArchive(folder, 2**20))
        returns = DiscountedReturns(2, Constant(0.9), None)
        return Collector(env, Random(300), Forgetful(), returns, recorder), recorder  # type: ignore[arg-type]

    return _collector_of


def test_the_recorder_keeps_what_the_collector_scores(tmp_path: Path, collector_of) -> None:
    collector, recorder = collector_of(tmp_path)
    collector.env.reset(3)
    played = []
    for _ in range(60):
        collector.send()
        played += [(episode, collector.env_steps) for episode in collector.recv()]
    kept = read_games(tmp_path)
    assert [kept_game.number for kept_game in kept] == list(range(1, len(played) + 1))
    for recorded, (episode, env_steps) in zip(kept, played, strict=True):
        assert (recorded.score, recorded.length, recorded.seed) == (episode.score, episode.length, episode.seed)
        assert (recorded.env_steps, recorded.start, recorded.item_size) == (env_steps, 0, 4)
        assert len(recorded.actions) == episode.length + 1
    assert len(played) > 10
    recorder.close()
    collector.env.close()


def test_the_recorder_goes_on_with_the_games_that_were_on(tmp_path: Path, collector_of) -> None:
    undisturbed, recorder = collector_of(tmp_path / "undisturbed")
    undisturbed.env.reset(3)
    for _ in range(41):
        undisturbed.send()
        undisturbed.recv()
    recorder.close()
    undisturbed.env.close()

    first, recorder = collector_of(tmp_path / "continued")
    first.env.reset(3)
    for _ in range(21):
        first.send()
        first.recv()
    checkpoint = first.state_dict()
    stream = first._policy.rng.bit_generator.state  # type: ignore[attr-defined]
    for _ in range(9):  # lost
        first.send()
        first.recv()
    recorder.close()
    first.env.close()

    second, recorder = collector_of(tmp_path / "continued")
    second.load_state_dict(checkpoint)
    second._policy.rng.bit_generator.state = stream  # type: ignore[attr-defined]
    for _ in range(20):
        second.send()
        second.recv()
    recorder.close()
    second.env.close()
    assert read_games(tmp_path / "continued") == read_games(tmp_path / "undisturbed")
    assert len(read_games(tmp_path / "continued")) > 10


def test_a_checkpoint_from_before_there_were_tapes_can_be_continued(tmp_path: Path, collector_of) -> None:
    collector, recorder = collector_of(tmp_path)
    collector.env.reset(3)
    for _ in range(3):
        collector.send()
        collector.recv()
    checkpoint = {**collector.state_dict(), "recorder": None}
    recorder.close()
    continued, recorder = collector_of(tmp_path)
    continued.load_state_dict(checkpoint)
    for _ in range(30):
        continued.send()
        continued.recv()
    kept = read_games(tmp_path)
    assert kept[0].number == 3  # the two that were on were not seen from their beginning
    assert torch.equal(checkpoint["env"]["first"], torch.tensor([False, False]))
    recorder.close()
    collector.env.close()
    continued.env.close()

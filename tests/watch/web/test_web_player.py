import threading

import numpy as np
import pytest

from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.watch.web.human_policy import HumanPolicy
from rlvision.watch.web.player import Player
from rlvision.watch.web.weights import WeightWatcher
from tests.watch.conftest import Cycle

LONG = 10_000


def actions(player: Player) -> list[int]:
    return [shot.action for shot in player.history]


def count(player: Player) -> int:
    return player.history.next_index


def test_a_game_goes_on_only_while_somebody_watches(checkpoint, once, playing, shown, wait) -> None:
    with playing(once(checkpoint()), LONG) as player:
        wait(player, lambda: count(player) == 1)
        with player.changed:
            player.changed.wait(0.5)
        assert count(player) == 1  # the first moment stays
        viewer = player.enter()
        wait(player, lambda: count(player) > 20)
        player.leave(viewer)
        assert shown(player) == list(range(count(player)))


def test_a_paused_game_moves_by_single_steps(checkpoint, once, playing, shown, wait) -> None:
    with playing(once(checkpoint()), LONG, paused=True) as player:
        viewer = player.enter()
        wait(player, lambda: count(player) == 1)
        for steps in (2, 3, 4):
            player.step(viewer)
            wait(player, lambda steps=steps: count(player) == steps)
        with player.changed:
            player.changed.wait(0.5)
        assert (count(player), shown(player)) == (4, [0, 1, 2, 3])
        player.pause(False)
        wait(player, lambda: count(player) > 10)


def test_a_person_takes_over_and_gives_back(checkpoint, once, playing, wait) -> None:
    with playing(once(checkpoint()), LONG, paused=True) as player:
        somebody, other = player.enter(), player.enter()
        wait(player, lambda: count(player) == 1)
        player.take_over(somebody)
        player.step(somebody, 1)
        wait(player, lambda: count(player) == 2)
        player.hold(somebody, 0)
        player.hold(other, 2)  # is not at the keys
        player.step(other, 2)  # nor here
        wait(player, lambda: count(player) == 3)
        player.release(other)  # nothing to give
        assert [player.status(viewer)["person"] for viewer in (somebody, other)] == ["you", "somebody"]
        player.release(somebody)
        player.step(somebody, 0)
        wait(player, lambda: count(player) == 4)
        assert actions(player) == [2, 1, 0, 2]  # the greedy action is the last
        assert [shot.facts["person"] for shot in player.history] == [False, True, True, False]
        assert player.status(somebody)["person"] == "nobody"


def test_who_leaves_gives_back_and_who_takes_last_plays(checkpoint, once, playing) -> None:
    with playing(once(checkpoint()), LONG, paused=True) as player:
        one, two = player.enter(), player.enter()
        player.take_over(one)
        player.take_over(two)
        assert player.status(two) == {**player.status(one), "person": "you"}
        player.leave(two)
        assert (player.status(one)["person"], player.status(one)["viewers"]) == ("nobody", 1)


def test_the_next_game_can_be_asked_for_in_a_pause_too(checkpoint, once, playing, shown, wait) -> None:
    with playing(once(checkpoint()), LONG, paused=True) as player:
        player.enter()
        wait(player, lambda: count(player) == 1)
        player.next_game()
        wait(player, lambda: count(player) == 2)
        assert [(shot.game, shot.facts["seed"]) for shot in player.history] == [(1, 5), (2, 6)]
        assert shown(player) == [0, 0]


def test_games_follow_one_another(checkpoint, once, playing, wait) -> None:
    with playing(once(checkpoint()), 2) as player:
        player.enter()
        wait(player, lambda: count(player) >= 5)
        facts = [(shot.game, shot.facts["length"], shot.facts["over"]) for shot in player.history][:5]
        assert facts == [(1, 1, False), (1, 2, True), (2, 1, False), (2, 2, True), (3, 1, False)]


def test_epsilon_makes_the_agent_act_at_random(checkpoint, once, playing, wait) -> None:
    with playing(once(checkpoint()), LONG) as player:
        player.enter()
        wait(player, lambda: count(player) > 20)
        player.set_epsilon(1.0)
        start = count(player)
        wait(player, lambda: count(player) > start + 60)
        assert set(actions(player)[:20]) == {2}
        assert set(actions(player)[start + 1 :]) == {0, 1, 2}
        assert player.status(1)["epsilon"] == 1.0


def test_the_game_waits_for_the_first_weights_and_takes_newer_ones(checkpoint, playing, wait) -> None:
    gate = threading.Event()
    weights = [checkpoint(7), checkpoint(9)]
    with playing(lambda: weights.pop(0) if gate.is_set() and weights else None, LONG) as player:
        viewer = player.enter()
        assert (player.status(viewer)["weights"], count(player)) == (None, 0)
        gate.set()
        wait(player, lambda: player.status(viewer)["weights"] == {"env_steps": 9, "source": "last"})
        wait(player, lambda: count(player) > 3)


def test_what_cannot_be_is_refused(checkpoint, once, playing) -> None:
    with playing(once(checkpoint()), LONG, paused=True) as player:
        for wrong in (-1, 3):
            with pytest.raises(ConfigError, match=f"expected an action from 0 to 2, got {wrong}"):
                player.hold(1, wrong)
            with pytest.raises(ConfigError, match=f"expected an action from 0 to 2, got {wrong}"):
                player.step(1, wrong)
        with pytest.raises(ConfigError, match=r"expected a speed out of 0\.125, 0\.25"):
            player.set_speed(3.0)
        for wrong in (-0.1, 1.5, float("nan")):
            with pytest.raises(ConfigError, match="expected an epsilon from 0 to 1"):
                player.set_epsilon(wrong)


def test_weights_that_cannot_be_loaded_are_told_and_the_old_ones_stay(checkpoint) -> None:
    said, first = threading.Condition(), checkpoint(1)
    replies = [first, None, CheckpointError("expected a checkpoint, got sand"), None, checkpoint(2)]

    def load():
        reply = replies.pop(0)
        if isinstance(reply, CheckpointError):
            raise reply
        return reply

    weight_watcher = WeightWatcher(load, said)
    with pytest.raises(CheckpointError, match="expected weights before the first decision"):
        weight_watcher.q_values(np.zeros((1, 2, 32, 32), dtype=np.uint8))
    states = []
    for _ in range(5):
        weight_watcher.poll()
        states.append((weight_watcher.checkpoint.env_steps, weight_watcher.notice))
    sand = "expected a checkpoint, got sand"
    assert states == [(1, None), (1, None), (1, sand), (1, sand), (2, None)]


def decisions(human_policy: HumanPolicy, times: int = 1) -> list[int]:
    seen, first = np.zeros((1, 2, 4, 4), dtype=np.uint8), np.zeros(1, dtype=np.bool_)
    return [int(human_policy.act(seen, first, number)[0]) for number in range(times)]


def test_a_person_who_holds_nothing_does_nothing() -> None:
    human_policy = HumanPolicy(Cycle(), ("FIRE", "NOOP", "UP"))
    assert decisions(human_policy, 4) == [0, 1, 2, 0]
    human_policy.take_over(1)
    assert decisions(human_policy) == [1]
    human_policy.hold(2)
    assert decisions(human_policy, 2) == [2, 2]
    human_policy.do_once(0)
    assert decisions(human_policy, 2) == [0, 2]
    human_policy.hold(None)
    assert decisions(human_policy) == [1]


def test_where_there_is_no_noop_the_last_action_goes_on() -> None:
    human_policy = HumanPolicy(Cycle(), ("0", "1", "2"))
    human_policy.take_over(1)
    human_policy.hold(2)
    human_policy.hold(None)
    assert decisions(human_policy, 2) == [2, 2]

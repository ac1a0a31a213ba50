import math
from dataclasses import replace

import numpy as np
import pytest

from rlvision.core.errors import ConfigError
from rlvision.watch.rollout import RolloutStep
from rlvision.watch.web.history import FrameHistory, FrameRecord
from rlvision.watch.web.player import encode_step
from rlvision.watch.web.protocol import finite, pack, png, unpack


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1, 3), (210, 160, 3)])
def test_pixels_survive_as_png(shape: tuple[int, ...], picture) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(picture(png(pixels)), pixels)


@pytest.mark.parametrize("wrong", [np.zeros((5, 7, 4), np.uint8), np.zeros(5, np.uint8), np.zeros((5, 7), np.float32)])
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="expected a picture"):
        png(wrong)


def test_a_message_is_its_header_and_its_blobs() -> None:
    message = pack("step", {"score": 1.5}, (b"abc", b"", b"\x00{"))
    header = b'{"kind":"step","score":1.5,"sizes":[3,0,2]}'
    assert message == bytes([len(header), 0, 0, 0]) + header + b"abc" + b"\x00{"
    assert unpack(message) == ({"kind": "step", "score": 1.5, "sizes": [3, 0, 2]}, [b"abc", b"", b"\x00{"])


def test_numbers_that_json_has_not_are_null() -> None:
    assert finite([1.23456789, math.inf, -math.inf, math.nan]) == [1.23457, None, None, None]


@pytest.fixture
def rollout_steps(counting_rollout):
    def _rollout_steps(count: int) -> list[RolloutStep]:
        return list(counting_rollout(count))

    return _rollout_steps


def frame_record(rollout_step: RolloutStep, index: int = 3, thin: int = 1) -> FrameRecord:
    return encode_step(rollout_step, index, frame_channels=1, by_person=True, seconds=0.25, thin=thin)


def test_a_shot_says_all_there_is_to_see(picture, rollout_steps) -> None:
    rollout_step = replace(rollout_steps(2)[1], q_values=np.array([0.5, 2.0, math.nan], dtype=np.float32), action=0)
    taken = frame_record(rollout_step)
    assert taken.facts == {
        "index": 3, "game": 1, "length": 2, "score": rollout_step.score, "lives": None, "action": 0, "greedy": 1,
        "q": [0.5, 2.0, None], "person": True, "seed": 0, "over": True, "seconds": 0.25,
    }  # fmt: skip
    assert (taken.index, taken.action, taken.value, taken.game) == (3, 0, 2.0, 1)
    np.testing.assert_array_equal(picture(taken.stack), np.concatenate(rollout_step.observation))
    np.testing.assert_array_equal(picture(taken.pictures[0]), rollout_step.frames[0])


def test_the_stack_of_a_colour_observation_keeps_its_colours(picture, rollout_steps) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)  # two frames of three channels
    taken = encode_step(
        replace(rollout_steps(1)[0], observation=colours), 0, frame_channels=3, by_person=False, seconds=1.0
    )
    expected = np.concatenate([colours[:3].transpose(1, 2, 0), colours[3:].transpose(1, 2, 0)])
    np.testing.assert_array_equal(picture(taken.stack), expected)


def test_a_network_that_knows_nothing_has_no_value(rollout_steps) -> None:
    lost = replace(rollout_steps(1)[0], q_values=np.full(3, math.nan, dtype=np.float32), score=math.inf)
    assert (frame_record(lost).value, frame_record(lost).facts["q"], frame_record(lost).facts["score"]) == (
        None,
        [None] * 3,
        None,
    )


@pytest.mark.parametrize(("thin", "kept"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [1, 4]), (8, [4])])
def test_at_high_speed_pictures_are_left_out_but_never_the_last(
    thin: int, kept: list[int], picture, rollout_steps
) -> None:
    frames = tuple(np.full((2, 2, 3), number, dtype=np.uint8) for number in range(5))
    taken = frame_record(replace(rollout_steps(1)[0], frames=frames), thin=thin)
    assert [int(picture(one)[0, 0, 0]) for one in taken.pictures] == kept


def test_a_history_forgets_the_oldest(rollout_steps) -> None:
    history, rollout_step = FrameHistory(keep=3), rollout_steps(1)[0]
    assert (history.newest, history.at(0), history.next_index, list(history.trail(0))) == (None, None, 0, [])
    for index in range(5):
        history.add(frame_record(rollout_step, index))
    assert (history.oldest, history.next_index, history.newest) == (2, 5, history.at(4))
    assert [history.at(index).index for index in (0, 2, 3, 4, 99)] == [2, 2, 3, 4, 4]
    assert list(history.trail(3)) == [(3, 2.0, 1), (4, 2.0, 1)]
    assert [index for index, _, _ in history.trail(0)] == [2, 3, 4]
    assert list(history.trail(5)) == []

"""The picture in an observation is seen: transposed, scaled, composed, or refused with the reason."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Text, Tuple

from rlvision.core.errors import ConfigError, EnvError
from rlvision.envs.pictures import find_view, is_picture
from rlvision.envs.planes import LUMA, compose_planes, palette

RNG = np.random.default_rng(3)
PICTURE = RNG.integers(0, 256, (30, 28, 3), dtype=np.uint8)
BYTES = Box(0, 255, (30, 28, 3), np.uint8)


def box(array, low=0, high=255):
    return Box(low, high, array.shape, array.dtype)


def seen(space, observation, key=None):
    return find_view(space, "mine:World", key, can_render=False)(observation)


UNIT = (PICTURE / 255).astype(np.float32)
SAME = {
    "bytes": (BYTES, PICTURE),
    "channel-first": (box(PICTURE.transpose(2, 0, 1)), PICTURE.transpose(2, 0, 1)),
    "floats to 1": (box(UNIT, 0, 1), UNIT),
    "floats to 255": (box(PICTURE.astype(np.float64)), PICTURE.astype(np.float64)),
    "floats around 0": (box(UNIT, -1, 1), 2 * UNIT - 1),
    "channel-first floats": (box(UNIT.transpose(2, 0, 1), 0, 1), UNIT.transpose(2, 0, 1)),
    "int64": (box(PICTURE.astype(np.int64)), PICTURE.astype(np.int64)),
    "uint16": (box(PICTURE.astype(np.uint16), 0, 65535), PICTURE.astype(np.uint16) * 257),
    "alpha": (Box(0, 255, (30, 28, 4), np.uint8), np.dstack([PICTURE, np.full((30, 28), 255, np.uint8)])),
    "flipped": (BYTES, PICTURE[::-1, ::-1][::-1, ::-1]),
    "a list": (BYTES, PICTURE.tolist()),
    "a tensor": (BYTES, torch.from_numpy(PICTURE)),
    "a tensor with a gradient": (box(UNIT, 0, 1), torch.tensor(UNIT, requires_grad=True)),
    "a Dict": (Dict({"pixels": BYTES, "speed": Box(-1, 1, (30,)), "text": Text(5)}), {"pixels": PICTURE, "speed": 0}),
    "a Tuple in a Dict": (Dict({"eyes": Tuple([Discrete(2), BYTES])}), {"eyes": (0, PICTURE)}),
}


@pytest.mark.parametrize(("space", "observation"), SAME.values(), ids=SAME)
def test_one_picture_in_many_forms_is_seen_alike(space, observation):
    picture = seen(space, observation)
    np.testing.assert_array_equal(picture, PICTURE)
    assert picture.dtype == np.uint8


def test_a_read_only_picture_is_seen():
    fixed = PICTURE.copy()
    fixed.setflags(write=False)
    np.testing.assert_array_equal(seen(BYTES, fixed), PICTURE)


@pytest.mark.parametrize("shape", [(1, 30, 28), (30, 28, 1), (30, 28)])
def test_gray_pictures_have_one_channel(shape):
    gray = PICTURE[:, :, 0]
    np.testing.assert_array_equal(seen(Box(0, 255, shape, np.uint8), gray.reshape(shape)), gray[:, :, None])


def test_two_channels_are_red_and_cyan():
    pair = PICTURE[:, :, :2]
    for space, observation in ((box(pair), pair), (box(pair.transpose(2, 0, 1)), pair.transpose(2, 0, 1))):
        np.testing.assert_array_equal(seen(space, observation), PICTURE[:, :, [0, 1, 1]])


@pytest.mark.parametrize(
    "space",
    [
        Box(0, 1, (10, 9, 4), np.bool_),
        MultiBinary([10, 9, 4]),
        Box(0, 1, (10, 9, 4), np.int64),
        Box(0, 1, (10, 9, 4), np.uint8),
    ],
)
def test_planes_are_composed(space):
    planes = np.zeros((10, 9, 4), space.dtype)
    planes[2, 3, 1] = planes[5, 6, 0] = planes[5, 6, 3] = 1
    picture = seen(space, planes)
    assert picture.shape == (10, 9, 3)
    np.testing.assert_array_equal(picture[2, 3], palette(4)[2])
    np.testing.assert_array_equal(picture[5, 6], palette(4)[4])
    assert np.count_nonzero(picture.any(axis=2)) == 2


def test_planes_may_come_first():
    planes = RNG.random((4, 10, 10)) < 0.2
    expected = compose_planes(planes.transpose(1, 2, 0))
    np.testing.assert_array_equal(seen(Box(0, 1, (4, 10, 10), np.bool_), planes), expected)


@pytest.mark.parametrize("count", [1, 2, 6, 32])
def test_each_plane_has_a_gray_and_a_colour_of_its_own(count):
    colors = palette(count)
    grays = colors @ LUMA
    np.testing.assert_allclose(grays, np.arange(count + 1) * 255 / count, atol=1)
    assert len({tuple(color) for color in colors.tolist()}) == count + 1


STACKED = "from mine:World, which stacks its frames itself: leave its stacking out, and set env.stack; or wrap it in"
RANGE = (
    "expected a picture with values from 0 to 255, 0 to 1 or another range, got float32 [30, 28, 3] from -inf to inf"
)
REFUSED = {
    "frames": (Box(0, 255, (30, 28, 12), np.uint8), f"got uint8 [30, 28, 12] {STACKED}"),
    "four frames": (Box(0, 255, (4, 30, 28), np.uint8), f"got uint8 [4, 30, 28] {STACKED}"),
    "frames in colour": (Box(0, 255, (4, 30, 28, 3), np.uint8), f"got uint8 [4, 30, 28, 3] {STACKED}"),
    "without a range": (Box(-np.inf, np.inf, (30, 28, 3)), f"{RANGE} as observation_space of mine:World: wrap it"),
}


@pytest.mark.parametrize(("space", "words"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_several_things_is_refused_by_shape_and_type(space, words):
    with pytest.raises(EnvError) as refused:
        seen(space, None)
    assert words in str(refused.value)
    assert "gymnasium.wrappers.TransformObservation" in str(refused.value)


def test_four_gray_frames_are_no_alpha():
    frames = np.repeat(PICTURE[:, :, :1], 4, axis=2)
    with pytest.raises(EnvError, match=r"got uint8 \[30, 28, 4\] from mine:World, which stacks its frames itself"):
        seen(box(frames), frames)


@pytest.mark.parametrize(
    "space", [Discrete(5), Box(-1, 1, (4,)), Box(-np.inf, np.inf, (5, 5)), Box(0, 9, (20, 20), np.int64), Text(4)]
)
def test_numbers_are_no_picture(space):
    assert not is_picture(space)
    assert find_view(space, "mine:World", None, can_render=True) is None


def test_values_outside_their_range_are_refused():
    with pytest.raises(EnvError, match=r"expected observations from 0 to 1, .* got 0 to 255: fix one of them"):
        seen(box(UNIT, 0, 1), np.linspace(0, 255, UNIT.size, dtype=np.float32).reshape(UNIT.shape))
    with pytest.raises(EnvError, match=r"from 0 to 1, .* got nan"):
        seen(box(UNIT, 0, 1), np.full_like(UNIT, np.nan))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int8])
def test_symbols_are_scaled_from_their_range_where_nothing_is_rendered(dtype):
    space = Box(0, 3, (30, 28), dtype)
    symbols = (np.arange(30 * 28).reshape(30, 28) % 4).astype(dtype)
    assert find_view(space, "mine:World", None, can_render=True) is None
    np.testing.assert_array_equal(seen(space, symbols)[:, :, 0], symbols.astype(int) * 85)
    assert find_view(space, "mine:World", None, can_render=False).describe().endswith("scaled from 0..3")
    with pytest.raises(EnvError, match=r"expected observations from 0 to 3, .* got 0 to 4"):
        seen(space, np.where(symbols == 3, 4, symbols).astype(dtype))


def test_many_integers_are_a_picture_whether_or_not_it_is_rendered():
    assert find_view(Box(0, 31, (30, 28), np.uint8), "mine:World", None, can_render=True) is not None
    assert find_view(Box(0, 30, (30, 28), np.uint8), "mine:World", None, can_render=True) is None


def test_planes_with_other_values_are_refused():
    with pytest.raises(EnvError, match=r"expected observations from 0 to 1, .* got 0 to 255"):
        seen(Box(0, 1, (30, 28), np.uint8), np.full((30, 28), 255, np.uint8) * (np.arange(28) % 2).astype(np.uint8))


def test_an_entry_that_is_not_there_is_refused():
    with pytest.raises(EnvError, match="expected the entry pixels in an observation"):
        seen(Dict({"pixels": BYTES}), {"image": PICTURE})


TWO = Dict({"front": BYTES, "back": Tuple([Discrete(2), BYTES])})


def test_of_two_pictures_one_is_named():
    observation = {"front": 255 - PICTURE, "back": (0, PICTURE)}
    with pytest.raises(ConfigError, match=r"got back.1, front: set env.image_key to one"):
        seen(TWO, observation)
    np.testing.assert_array_equal(seen(TWO, observation, "back.1"), PICTURE)
    np.testing.assert_array_equal(seen(TWO, observation, "front"), 255 - PICTURE)
    with pytest.raises(ConfigError, match=r"\(back.1, front, render\), got 'left'"):
        seen(TWO, observation, "left")
    assert find_view(TWO, "mine:World", "render", can_render=True) is None


def test_a_small_grid_in_a_dict_is_seen_only_if_nothing_is_rendered():
    """MiniGrid's image is a grid of symbols; its render() is the picture."""
    grid = Dict({"image": Box(0, 255, (7, 7, 3), np.uint8)})
    assert find_view(grid, "mine:World", None, can_render=True) is None
    assert find_view(grid, "mine:World", "image", can_render=True).shape == (7, 7, 3)
    assert find_view(grid, "mine:World", None, can_render=False).shape == (7, 7, 3)


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (BYTES, "its observation (uint8 [30, 28, 3])"),
        (Dict({"a": box(UNIT, 0, 1)}), "a of its observation (float32 [30, 28, 3]), scaled from 0..1"),
        (Box(0, 255, (3, 30, 28), np.uint8), "its observation (uint8 [3, 30, 28]), transposed from channel-first"),
        (Box(0, 1, (10, 10, 6), np.bool_), "its observation (bool [10, 10, 6]), 6 planes composed into one picture"),
        (MultiBinary((8, 8)), "its observation (int8 [8, 8]), one plane"),
        (Box(0, 255, (30, 28, 4), np.uint8), "its observation (uint8 [30, 28, 4]), without its alpha"),
        (Box(0, 255, (30, 28, 2), np.uint8), "its observation (uint8 [30, 28, 2]), two channels as red and cyan"),
    ],
)
def test_one_line_says_what_is_seen(space, words):
    assert find_view(space, "mine:World", None, can_render=False).describe() == words


@pytest.mark.parametrize(
    ("name", "settings", "value"),
    [("Captioned", {}, 200), ("Captioned", {"image_key": "render"}, 7), ("Symbols", {}, 7), ("Mirror", {}, 200)],
)
def test_a_world_is_rendered_only_where_its_observation_is_no_picture(name, settings, value, rendered):
    env = rendered(f"open_worlds:{name}", 1, height=30, width=28, stack=1, **settings)
    assert int(env.reset(0).max()) == value
    line = "render(), in gray; " if value == 7 else "its observation (uint8"
    assert env.view.lines[0].startswith(f"the agent sees {line}")
    assert ("; env.image_key=image sees that part" in env.view.lines[0]) == (name == "Symbols")
    env.close()


def test_the_entries_of_a_dict_that_are_not_used_are_named(rendered):
    env = rendered("open_worlds:Eyes", 1, height=30, width=28, stack=1, image_key="front")
    assert env.view.lines[0].endswith("front of its observation (uint8 [30, 28, 3]), in gray; back is not used")
    env.close()


@pytest.mark.parametrize(
    ("name", "settings", "gray"),
    [("Mirror", {}, True), ("Mirror", {"gray": False}, False), ("Captioned", {"image_key": "render"}, True)],
)
def test_it_is_said_that_colours_are_not_seen(name, settings, gray, rendered):
    env = rendered(f"open_worlds:{name}", 1, height=30, width=28, stack=1, **settings)
    assert (", in gray" in env.view.lines[0]) == gray
    env.close()


def test_of_a_gray_picture_no_colour_is_lost(rendered):
    env = rendered("odd_checks:Symbols", 1, height=30, width=28, stack=1)
    assert "in gray" not in env.view.lines[0]
    env.close()

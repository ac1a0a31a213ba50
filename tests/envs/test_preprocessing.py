import subprocess
import sys

import cv2
import numpy as np
import pytest

from rlvision.core.errors import ConfigError, EnvError
from rlvision.envs.frame_stack import CroppedFrames
from rlvision.envs.preprocessing import (
    crop,
    frame_size,
    fresh_stack,
    observation_shape,
    push_frame,
    reduce_screen,
    require_sizes,
    resize,
    swap_bgra,
    to_channels,
    to_frame,
)
from rlvision.envs.settings import EnvSettings
from rlvision.envs.validation import check_screen


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def frame(value, channels=1):
    return np.full((channels, 2, 2), value, dtype=np.uint8)


def test_gray_is_the_luma_of_bt_601_worked_out_by_hand():
    red, green, blue, mixed = [255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 100, 200]
    picture = np.array([[red, green, blue, mixed]], dtype=np.uint8)
    # 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.07, 2.99 + 58.7 + 22.8 = 84.49
    assert to_channels(picture, 1)[0, :, 0].tolist() == [76, 150, 29, 84]


def test_gray_keeps_every_gray_value():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_channels(np.repeat(values[:, :, None], 3, axis=2), 1)[:, :, 0], values)


def test_a_gray_screen_becomes_three_equal_channels():
    values = noise(4, 5)
    coloured = to_channels(check_screen(values), 3)
    assert all((coloured[:, :, channel] == values).all() for channel in range(3))


def test_resize_takes_the_mean_of_the_area():
    picture = np.array([[0, 4, 10, 20], [8, 12, 30, 40]], dtype=np.uint8)[:, :, None]
    assert resize(picture, 1, 2)[:, :, 0].tolist() == [[6, 25]]


def test_resize_to_the_same_size_changes_nothing():
    picture = noise(7, 9, 3)
    np.testing.assert_array_equal(resize(picture, 7, 9), picture)


def test_crop_keeps_rows_and_columns_up_to_the_ends():
    picture = np.arange(20, dtype=np.uint8).reshape(4, 5, 1)
    assert crop(picture, (1, 3, 2, 4))[:, :, 0].tolist() == [[7, 8], [12, 13]]


def test_colour_frames_come_channels_first_in_rgb():
    picture = noise(4, 5, 3)
    settings = EnvSettings(height=4, width=5, gray=False)
    np.testing.assert_array_equal(to_frame(reduce_screen(picture, settings), settings), picture.transpose(2, 0, 1))


def test_a_screen_is_cropped_before_it_is_resized():
    picture = noise(8, 8, 3)
    settings = EnvSettings(height=2, width=2, crop=(0, 4, 4, 8))
    by_hand = cv2.resize(cv2.cvtColor(picture[:4, 4:], cv2.COLOR_RGB2GRAY), (2, 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(to_frame(reduce_screen(picture, settings), settings)[0], by_hand)


def test_a_stack_fills_from_the_newest_end():
    stacked = fresh_stack(frame(1), 4)  # ~~~A
    assert stacked[:, 0, 0].tolist() == [0, 0, 0, 1]
    histories = []
    for value in (2, 3, 4, 5):
        stacked = push_frame(stacked, frame(value))
        histories.append(stacked[:, 0, 0].tolist())
    assert histories == [[0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]


def test_a_colour_stack_moves_by_whole_frames():
    first, second = noise(3, 2, 2), noise(3, 2, 2)[::-1]
    stacked = push_frame(fresh_stack(first, 2), second)
    np.testing.assert_array_equal(stacked, np.concatenate([first, second]))


def test_pushing_leaves_the_old_stack_alone_and_works_for_many():
    frames = noise(5, 1, 2, 2)
    stacked = fresh_stack(frames, 3)
    before = stacked.copy()
    pushed = push_frame(stacked, frames[::-1])
    np.testing.assert_array_equal(stacked, before)
    np.testing.assert_array_equal(pushed[:, 1:], np.concatenate([frames, frames[::-1]], axis=1))


def test_a_graphics_buffer_is_read_as_rgb():
    assert swap_bgra(np.array([[[1, 2, 3, 255]]], dtype=np.uint8)).tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(9, np.uint8), None])
def test_what_is_no_picture_is_refused(bad):
    with pytest.raises(EnvError, match="expected a uint8 picture"):
        check_screen(bad)


@pytest.mark.parametrize("part", [(-1, 5, 0, 5), (5, 5, 0, 5), (0, 11, 0, 5), (0, 5, 6, 5), (0, 5, 0, 21)])
def test_a_crop_outside_the_screen_is_refused(part):
    with pytest.raises(ConfigError, match="within a screen of 10 rows and 20 columns"):
        crop(noise(10, 20, 3), part)
    with pytest.raises(ConfigError, match="within a screen of 10 rows and 20 columns"):
        CroppedFrames(EnvSettings(crop=part), (10, 20))


@pytest.mark.parametrize("setting", ["height", "width", "stack"])
def test_sizes_below_one_are_refused(setting):
    with pytest.raises(ConfigError, match="at least 1"):
        require_sizes(EnvSettings(**{setting: 0}))


def test_the_shape_of_an_observation_follows_from_the_settings():
    assert observation_shape(EnvSettings(height=6, width=7, crop=(2, 8, 0, 20), gray=False, stack=2)) == (6, 6, 7)
    assert observation_shape(EnvSettings(height=6, width=7, stack=2)) == (2, 6, 7)


def test_without_an_encoder_an_unset_size_is_that_of_the_literature():
    assert frame_size(EnvSettings()) == (84, 84)
    assert (frame_size(EnvSettings(height=6)), frame_size(EnvSettings(width=7))) == ((6, 84), (84, 7))
    assert observation_shape(EnvSettings(width=7)) == (4, 84, 7)


def test_opencv_without_its_system_library_is_one_line_with_the_remedy(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from rlvision.core.errors import MissingExtraError
try:
    import rlvision.envs.preprocessing
except MissingExtraError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    for said in ("libGL.so.1", "apt-get install libgl1 libglib2.0-0", "opencv-python-headless"):
        assert said in ran.stdout

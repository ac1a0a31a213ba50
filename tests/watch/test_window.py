import sys
from typing import Any

import pytest

from rlvision.core.errors import ConfigError, MissingExtraError
from rlvision.core.types import UInt8Array
from rlvision.envs.counting_env import read
from rlvision.watch.controls import Controls
from rlvision.watch.drawing.overlay import MARGIN
from rlvision.watch.outputs import show_live
from rlvision.watch.window import DISPLAYS, open_window

pygame = pytest.importorskip("pygame")


@pytest.fixture
def dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


class Viewer:
    """Sits before the window: sees what is drawn, and presses keys after so many pictures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: dict[int, str]) -> None:
        self.keys = keys
        self.pictures: list[UInt8Array] = []
        monkeypatch.setattr(pygame.display, "flip", self.see)

    def see(self) -> None:
        surface = pygame.display.get_surface()
        self.pictures.append(pygame.surfarray.array3d(surface).transpose(1, 0, 2))
        if key := self.keys.get(len(self.pictures)):
            code = pygame.key.key_code(key)
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, unicode=key if len(key) == 1 else ""))


def shown(picture: UInt8Array) -> tuple[int, int]:
    """The game and the step that a picture of the window shows."""
    top = 206  # 32 pixels are enlarged to 256
    return read(picture[top : top + 256 : 8, MARGIN : MARGIN + 256 : 8, 0])


@pytest.fixture
def watched(counting_rollout):
    def _watched(
        monkeypatch: pytest.MonkeyPatch, keys: dict[int, str], *lengths: int, games: int = 1
    ) -> tuple[Any, Viewer]:
        viewer = Viewer(monkeypatch, keys)
        return show_live(open_window, counting_rollout(*lengths, games=games), title="Counting", fps=1000), viewer

    return _watched


@pytest.mark.usefixtures("dummy_display")
def test_every_frame_is_shown_and_the_games_are_told(monkeypatch: pytest.MonkeyPatch, watched) -> None:
    games, viewer = watched(monkeypatch, {}, 4, games=2)
    assert [(game.length, game.over) for game in games] == [(4, True)] * 2
    assert [shown(picture)[1] for picture in viewer.pictures] == [0, 1, 2, 3, 4] * 2
    assert viewer.pictures[0].shape == (670, 676, 3)
    assert not pygame.display.get_init()


@pytest.mark.usefixtures("dummy_display")
@pytest.mark.parametrize("key", ["q", "escape"])
def test_the_viewer_may_leave(monkeypatch: pytest.MonkeyPatch, key: str, watched) -> None:
    games, viewer = watched(monkeypatch, {3: key}, 1000)
    assert games == []
    assert len(viewer.pictures) == 3


@pytest.mark.usefixtures("dummy_display")
def test_a_pause_holds_the_picture_and_a_step_moves_it_by_one(monkeypatch: pytest.MonkeyPatch, watched) -> None:
    _, viewer = watched(monkeypatch, {3: "space", 6: "s", 10: "q"}, 1000)
    assert [shown(picture)[1] for picture in viewer.pictures] == [0, 1, 2, 2, 2, 2, 3, 3, 3, 3]


@pytest.mark.usefixtures("dummy_display")
def test_the_next_game_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, watched) -> None:
    games, viewer = watched(monkeypatch, {3: "n", 6: "space", 7: "n", 9: "q"}, 1000, games=3)
    assert games == []
    numbers, steps = zip(*(shown(picture) for picture in viewer.pictures), strict=True)
    assert steps == (0, 1, 2, 0, 1, 2, 2, 0, 1)
    assert len(set(numbers)) == 3


@pytest.mark.usefixtures("dummy_display")
def test_the_overlay_can_be_taken_away(monkeypatch: pytest.MonkeyPatch, watched) -> None:
    _, viewer = watched(monkeypatch, {2: "o", 4: "o", 6: "q"}, 1000)
    beside = [bool((picture[:, 520:] != picture[0, 0]).any()) for picture in viewer.pictures]
    assert beside == [True, True, False, False, True, True]


@pytest.mark.usefixtures("dummy_display")
def test_twice_the_speed_draws_every_other_frame(monkeypatch: pytest.MonkeyPatch, watched) -> None:
    _, viewer = watched(monkeypatch, {1: "+"}, 20)
    assert len(viewer.pictures) == 1 + 20 // 2


def test_without_a_display_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, counting_rollout) -> None:
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ConfigError, match=r"neither DISPLAY nor WAYLAND_DISPLAY: terminal=True draws.*video=.FILE"):
        show_live(open_window, counting_rollout(3), title="Counting", fps=60)


def test_a_display_that_does_not_open_is_told_so(monkeypatch: pytest.MonkeyPatch, counting_rollout) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    with pytest.raises(ConfigError, match=r"nonsense.*video=.FILE"):
        show_live(open_window, counting_rollout(3), title="Counting", fps=60)


@pytest.mark.usefixtures("dummy_display")
def test_without_pygame_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch, counting_rollout) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match="pip install pygame-ce"):
        show_live(open_window, counting_rollout(3), title="Counting", fps=60)


def pressed(*keys: str) -> Controls:
    controls = Controls()
    for key in keys:
        controls.press(key)
    return controls


def test_keys() -> None:
    assert pressed("space").paused
    assert not pressed("space", "space").paused
    assert pressed("x", "f1") == Controls()
    assert [pressed(*"+" * presses).speed for presses in range(5)] == [1, 2, 4, 8, 8]
    assert [pressed(*"-" * presses).speed for presses in range(5)] == [1, 0.5, 0.25, 0.125, 0.125]
    assert pressed("=", "-").speed == 1


def test_a_step_is_one_step_and_a_wish_is_granted_once() -> None:
    controls = pressed("right")
    assert [controls.should_hold(), controls.should_hold()] == [False, True]
    controls.press("n")
    assert [controls.should_hold(), controls.consume_skip(), controls.consume_skip(), controls.should_hold()] == [
        False,
        True,
        False,
        True,
    ]
    controls.press("q")
    assert not controls.should_hold()

import sys
from pathlib import Path

import pytest

from rlvision.core.errors import ConfigError
from rlvision.watch.html.page import PageMeta
from rlvision.watch.outputs import Output
from rlvision.watch.window import DISPLAYS


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            {"video": Path("a.mp4"), "terminal": True},
            "one way of showing games, got video and terminal: choose one",
        ),
        ({"terminal": True, "html": Path("a.html")}, "got terminal and html"),
        ({"video": Path("a.avi")}, r"a video file that ends in \.mp4, \.webm or \.gif"),
        ({"html": Path("a.mp4")}, r"an HTML file that ends in \.html"),
        ({"terminal": True}, "expected a terminal to draw in, got a pipe or a file"),
        ({}, "terminal=True draws the game in this terminal, video='FILE.mp4' writes a video, html='FILE.html' a page"),
    ],
)
def test_what_cannot_be_shown_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, object], message: str
) -> None:
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ConfigError, match=message):
        Output(**named)  # type: ignore[arg-type]


def test_files_are_written_where_they_were_wanted(tmp_path: Path, counting_rollout) -> None:
    about = PageMeta(title="Counting", fps=30.0, spec=counting_rollout(3).spec)
    video, page = Output(video=tmp_path / "a.mp4"), Output(html=tmp_path / "a.html")
    assert [game.length for game in video.show(counting_rollout(3, games=2), about)] == [3, 3]
    assert [game.length for game in page.show(counting_rollout(3, games=2), about)] == [3, 3]
    assert video.files(2) == [tmp_path / "a.mp4"]
    assert page.files(2) == [tmp_path / "a.html", tmp_path / "a-2.html"]
    assert sorted(tmp_path.iterdir()) == sorted([*video.files(2), *page.files(2)])

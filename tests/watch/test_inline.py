import html
import os
from base64 import b64decode
from pathlib import Path

import pytest

from rlvision.core.errors import ConfigError
from rlvision.watch.html.page import PageMeta
from rlvision.watch.inline import Recording, video_html
from rlvision.watch.outputs import Output
from rlvision.watch.window import DISPLAYS


@pytest.fixture
def about(counting_rollout):
    return PageMeta(title="Counting", fps=30.0, spec=counting_rollout(3).spec)


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


def frames(notebook) -> list[str]:
    return [page for page in notebook.pages if page.startswith("<iframe")]


def test_without_an_output_a_notebook_plays_the_page_of_each_game(notebook, counting_rollout, about, tmp_path):
    games = Output().show(counting_rollout(3, games=2), about)
    assert [game.length for game in games] == [3, 3]
    first, second = frames(notebook)
    page = html.unescape(first.split('srcdoc="')[1].split('" sandbox')[0])
    assert page.startswith("<!doctype html>")
    assert "<title>Counting</title>" in page
    assert 'sandbox="allow-scripts"' in first  # its scripts cannot reach the notebook
    assert first != second


def test_a_page_that_is_written_is_shown_too(notebook, counting_rollout, about, tmp_path):
    Output(html=tmp_path / "a.html").show(counting_rollout(3), about)
    (shown,) = frames(notebook)
    assert html.escape((tmp_path / "a.html").read_text()) in shown


def test_a_video_that_is_written_is_shown_too(notebook, counting_rollout, about, tmp_path):
    path = tmp_path / "a.mp4"
    Output(video=path).show(counting_rollout(3), about)
    assert notebook.pages[-1] == video_html(path)
    before = len(notebook.pages)
    Output(video=path, shows_video=False).show(counting_rollout(3), about)
    assert video_html(path) not in notebook.pages[before:]


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.mp4", "data:video/mp4;base64,"), ("a.webm", "data:video/webm;base64,"), ("a.gif", "data:image/gif;base64,")],
)
def test_a_video_is_embedded_with_all_of_its_bytes(tmp_path, name, start):
    (tmp_path / name).write_bytes(bytes(range(256)))
    source = video_html(tmp_path / name).split('src="')[1].split('"')[0]
    assert source.startswith(start)
    assert b64decode(source.removeprefix(start)) == bytes(range(256))


def test_a_file_that_would_choke_a_notebook_is_named_only(tmp_path, monkeypatch):
    monkeypatch.setattr("rlvision.watch.inline.MOST_BYTES", 1 << 20)
    (tmp_path / "a.mp4").write_bytes(bytes((1 << 20) + 1))
    assert (
        video_html(tmp_path / "a.mp4") == f"<p>{tmp_path / 'a.mp4'} is larger than 1 MB: open the file to see it.</p>"
    )


def test_a_recording_is_a_path():
    recording = Recording(Path("a/b.mp4"), ())
    assert os.fspath(recording) == str(recording) == str(Path("a/b.mp4"))


def test_outside_of_a_notebook_nothing_is_shown_inline_and_a_window_needs_a_display(counting_rollout, about, tmp_path):
    Output(str(tmp_path / "a.mp4")).show(counting_rollout(3), about)
    assert (tmp_path / "a.mp4").exists()
    with pytest.raises(ConfigError, match=r"expected a display .* html='FILE.html' a page"):
        Output()

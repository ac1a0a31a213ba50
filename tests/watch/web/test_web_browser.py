"""The page in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.watch.conftest import Browser, Tab
from tests.watch.web.conftest import Served

LONG = 10_000
INDEX = "Number(document.body.dataset.index)"
MODE = "document.body.dataset.mode"
PIXELS = "document.getElementById('picture').toDataURL()"


@pytest.fixture
def page(checkpoint, once, served) -> Iterator[Served]:
    with served(once(checkpoint()), LONG, speed=1.0) as there:
        yield there


def text(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector('{selector}').textContent"))


OPENED = """new Promise((done) => {{
    const socket = new WebSocket("{}");
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
}})"""


def settled(tab: Tab, there: Served) -> int:
    """The decision on the screen of a game that is held, once it is the newest."""
    newest = there.player.history.next_index - 1
    tab.wait(f"{INDEX} === {newest}")
    return newest


def test_a_game_is_watched_steered_and_gone_back_in(chromium: Browser, page: Served, wait) -> None:
    tab = chromium.open(page.address)
    tab.wait(f"{INDEX} > 2 && {MODE} === 'live'")
    before = tab.run(PIXELS)
    tab.wait(f"{PIXELS} !== {before!r}")
    assert tab.run("document.title") == "counting · a-run"

    tab.click("#pause")
    tab.wait(f"{MODE} === 'paused'")
    held = settled(tab, page)
    for step in (1, 2):
        tab.click("#step")
        tab.wait(f"{INDEX} === {held + step}")
    assert page.player.history.next_index - 1 == held + 2
    assert float(text(tab, "#score")) == pytest.approx(page.player.history.newest.facts["score"], abs=0.051)
    assert text(tab, "#q-values .chosen .number") == f"{held + 4:.3f}"  # the value tells the step

    newest_pixels = tab.run(PIXELS)
    tab.set("#scrub", held - 1)
    tab.wait(f"{INDEX} === {held - 1} && {MODE} === 'past'")
    assert text(tab, "#when") == "3 decisions ago"
    tab.wait(f"{PIXELS} !== {newest_pixels!r}")
    tab.press("ArrowLeft")
    tab.wait(f"{INDEX} === {held - 2}")
    tab.wait(f"document.body.dataset.inspection == {held - 2}")  # the inside of that decision, too
    tab.click("#live")
    tab.wait(f"{INDEX} === {held + 2} && {MODE} === 'paused'")
    tab.wait(f"{PIXELS} === {newest_pixels!r}")

    tab.press(" ")
    tab.wait(f"{MODE} === 'live' && {INDEX} > {held + 5}")
    tab.press("n")
    wait(page.player, lambda: page.player.history.newest.game == 2)
    tab.wait("document.getElementById('number').textContent === '2'")
    tab.press("+")
    tab.wait("document.getElementById('speed-now').textContent === '2\\u00d7'")
    assert page.player.status(0)["speed"] == 2
    tab.set("#epsilon", 5)
    tab.wait("document.getElementById('epsilon-now').textContent === '0.1'")
    assert page.player.status(0)["epsilon"] == 0.1
    tab.close()


def test_a_person_takes_over_with_keys_and_mouse_and_gives_back(chromium: Browser, page: Served, wait) -> None:
    page.player.pause(True)
    tab = chromium.open(page.address)
    tab.wait(f"{MODE} === 'paused'")
    tab.click("#take")
    tab.wait(f"{MODE} === 'you'")
    history = page.player.history
    for key, action in (("ArrowLeft", 0), ("1", 1), ("ArrowRight", 2)):
        count = history.next_index
        tab.press(key)
        wait(page.player, lambda count=count: history.next_index == count + 1)
        assert (history.newest.action, history.newest.facts["person"]) == (action, True)
    count = history.next_index
    tab.mouse("mousePressed", "#q-values li:nth-child(2)")
    wait(page.player, lambda: history.next_index == count + 1)
    assert history.newest.action == 1
    tab.mouse("mouseReleased", "#q-values li:nth-child(2)")

    tab.key("keyDown", "0")
    tab.press("p")
    wait(page.player, lambda: history.next_index > count + 5)
    tab.key("keyUp", "0")
    assert {shot.action for shot in list(history)[count + 2 : count + 5]} == {0}
    tab.press("Escape")
    tab.wait(f"{MODE} === 'live'")
    given = history.next_index
    wait(page.player, lambda: history.next_index > given + 3)
    assert history.newest.action == 2
    assert not history.newest.facts["person"]
    tab.close()


def test_the_tab_may_be_loaded_again_and_there_may_be_two(chromium: Browser, page: Served, wait) -> None:
    tab = chromium.open(page.address)
    tab.wait(f"{INDEX} > 5")
    tab.click("#pause")
    tab.wait(f"{MODE} === 'paused'")
    index = settled(tab, page)
    tab.run("document.body.dataset.stale = 'yes'")
    tab.reload()
    tab.wait(f"!document.body.dataset.stale && {INDEX} === {index} && {MODE} === 'paused'")
    tab.wait(f"curve.entries.length === {index + 1}")  # all of the past is there again

    other = chromium.open(page.address)
    other.wait(f"{INDEX} === {index}")
    tab.wait("document.getElementById('audience').textContent === '2 viewers'")
    other.click("#take")
    other.wait(f"{MODE} === 'you'")
    tab.wait(f"{MODE} === 'somebody'")
    other.close()
    tab.wait(f"{MODE} === 'paused'")  # who leaves gives back
    tab.close()
    wait(page.player, lambda: page.player.status(0)["viewers"] == 0)


def test_the_inside_of_the_network_is_drawn(chromium: Browser, page: Served) -> None:
    page.player.pause(True)
    tab = chromium.open(page.address)
    tab.wait("document.querySelectorAll('#maps canvas').length === 3")
    captions = tab.run("[...document.querySelectorAll('#maps figcaption')].map(c => c.textContent)")
    assert captions == ["low  16 maps, 14\u00d714", "mid  32 maps, 5\u00d75", "high  32 maps, 1\u00d71"]
    canvas = "document.getElementById('heat')"
    heat = f"(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean))({canvas})"
    for choice, drawn in (("none", "false"), ("gradient", "true"), ("none", "false"), ("occlusion", "true")):
        tab.set("#saliency", choice)
        tab.wait(f"{heat} === {drawn}")
    tab.click("#maps-on")
    tab.wait("document.querySelectorAll('#maps canvas').length === 0")
    colours = "getComputedStyle(document.body).backgroundColor"
    tab.theme("light")
    tab.wait(f"{colours} === 'rgb(242, 243, 246)'")
    tab.theme("dark")
    tab.wait(f"{colours} === 'rgb(17, 19, 24)'")
    for width in (1280, 820, 360):
        tab.resize(width, 800)
        tab.wait(f"innerWidth === {width} && document.documentElement.scrollWidth <= {width}")
    tab.close()


def test_a_run_without_weights_says_that_it_waits(chromium: Browser, checkpoint, served) -> None:
    weights = [None, checkpoint()]
    with served(lambda: weights[0], LONG) as there:
        tab = chromium.open(there.address)
        tab.wait(f"{MODE} === 'waiting'")
        assert "no checkpoint yet" in text(tab, "#veil")
        weights[0] = checkpoint()
        tab.wait(f"{INDEX} > 1 && {MODE} === 'live'")
        assert tab.run("document.getElementById('veil').hidden")
    tab.wait(f"{MODE} === 'lost'")  # the server has gone
    tab.close()


def test_nothing_leaves_this_machine_and_nobody_else_gets_in(chromium: Browser, page: Served, tmp_path: Path) -> None:
    tab = chromium.open(page.address)
    tab.wait(f"{INDEX} > 2")
    asked = [event["request"]["url"] for event in tab.seen("Network.requestWillBeSent")]
    asked += [event["url"] for event in tab.seen("Network.webSocketCreated")]
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(page.address).netloc}
    assert len(asked) >= 2
    for method in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
        assert tab.seen(method) == []
    assert tab.run(OPENED.format("ws://127.0.0.1:9/live")) == "refused"  # by the page's own policy
    assert tab.run("fetch('http://127.0.0.1:9/').then(() => 'open', () => 'refused')") == "refused"

    foreign = tmp_path / "foreign.html"
    foreign.write_text("<title>foreign</title>")
    stranger = chromium.open(foreign.as_uri())
    stranger.wait("document.title === 'foreign'")
    for line in (page.line, page.line.split("?")[0], page.line.replace("127.0.0.1", "localhost")):
        assert stranger.run(OPENED.format(line)) == "refused"
    tokenless = chromium.open(page.address.split("?")[0])
    tokenless.wait("document.body.textContent.startsWith('expected the token of this run')")
    for one in (tab, stranger, tokenless):
        one.close()

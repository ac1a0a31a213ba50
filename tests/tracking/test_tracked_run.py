"""A real run as its trackers hold it: every number, every picture, once, although it was interrupted."""

import re
from itertools import chain
from pathlib import Path

import av
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlvision.runs.run import Run
from rlvision.tracking.jsonl import read_metrics
from rlvision.tracking.metrics import METRICS
from tests.conftest import PRIORITISED

ELSEWHERE = {"policy/temperature", *(name for name in METRICS if name.startswith("system/gpu"))}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, small, stop_at, watch_runs):
    """A run that was stopped after 80 of 160 env steps and continued, with all trackers."""
    folder = tmp_path_factory.mktemp("tracked") / "run"
    settings = {"tracking__tensorboard": True, "tracking__video_every": 1, "tracking__video_steps": 12, **PRIORITISED}
    config = small(folder, wandb="offline", evaluation__games=1, **settings)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WANDB_MODE", "WANDB_RUN_ID", "WANDB_DATA_DIR"):
            patch.delenv(name, raising=False)
        watched = watch_runs(patch)
        stop_at(patch, 80)
        watched.train(config)
        watched.train(config)
    return folder


def test_every_metric_has_the_name_of_the_table(tracked):
    names = set().union(*read_metrics(tracked)) - {"env_steps"}
    in_table = {re.sub("^(weights|health/dormant|health/weak_gradients)/.*", r"\1/<module>", name) for name in names}
    assert in_table == METRICS.keys() - ELSEWHERE


def test_wandb_holds_every_value_of_every_row(tracked, fragments, rows):
    first, second = fragments(tracked)
    mirrored = [*rows(first), *rows(second)]
    assert [row.pop("_step") for row in mirrored] == list(range(len(mirrored)))
    assert mirrored == read_metrics(tracked)
    assert 0 < len(rows(second)) < len(mirrored)


def test_tensorboard_holds_every_value_of_every_row(tracked):
    events = EventAccumulator(str(tracked / "tensorboard"), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    expected = {}
    for row in read_metrics(tracked):
        for name in row.keys() - {"env_steps"}:
            expected.setdefault(name, []).append((row["env_steps"], pytest.approx(row[name], rel=1e-6, nan_ok=True)))
    written = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert written == expected
    assert [event.step for event in events.Histograms("q/values")] == [60, 120, 160]


def test_every_evaluation_has_a_video_that_plays(tracked, fragments, inspect):
    videos = sorted((tracked / "videos").glob("*.mp4"))
    assert [path.with_suffix(".html") for path in videos] == sorted((tracked / "videos").glob("*.html"))
    assert [path.name for path in videos] == [f"{steps:012d}.mp4" for steps in (60, 120, 160)]
    for path in videos:
        with av.open(path) as container:
            assert sum(1 for _ in container.decode(video=0)) in {2, 6, 10}  # a game of 1, 5 or 9 decisions
    items = [
        record["history"]["item"] for path in fragments(tracked) for record in inspect(path) if "history" in record
    ]
    shown = [item for item in items if "evaluate/video.path" in item]
    assert [item["env_steps"] for item in shown] == [60, 120, 160]
    assert all(sum(item["q/values.values"]) == 8 * 4 and "evaluate/mean" in item for item in shown)


def test_what_wandb_keeps_is_a_run_folder(tracked, tmp_path, fragments, inspect):
    records = chain.from_iterable(map(inspect, fragments(tracked)))
    artifacts = [record["artifact"] for record in records if record["type"] == "artifact"]
    aliases = [*chain.from_iterable(artifact["aliases"] for artifact in artifacts)]
    assert aliases.count("last") == 2  # each session's
    assert aliases.count("best") >= 1
    for entry in artifacts[-1]["manifest"]["contents"]:
        copy = tmp_path / entry["path"]
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(Path(entry["local_path"]).read_bytes())
    fetched = Run(tmp_path, weights="last", device="cpu")
    assert fetched.env_steps == 160
    assert fetched.evaluate(games=1).episodes

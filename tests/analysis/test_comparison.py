"""Comparisons by hand: pong's scale is -20.7 (random) to 14.6 (human), breakout's 1.7 to 30.5."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlvision.analysis import efficiency_plots
from rlvision.analysis.aggregate_plots import aggregates, performance_profiles
from rlvision.analysis.comparison import STATISTICS, Comparison, Estimate
from rlvision.analysis.plot_style import save
from rlvision.analysis.study import compare_runs, write_pictures
from rlvision.core.errors import CheckpointError, ConfigError
from rlvision.evaluation.atari_scores import human_normalised, published

AGENT, OTHER = "dn-renorm n=3", "dn-layer n=3"
PONG, BREAKOUT = {1: 14.6, 2: -3.05}, {1: 1.7, 2: 59.3}  # human-normalised 1.0, 0.5 and 0.0, 2.0


@pytest.fixture
def places(tmp_path, store_run) -> list[Path]:
    """Two seeds of two games of one agent, a seed of each of another."""
    stored = []
    for game, scores in (("pong", PONG), ("breakout", BREAKOUT)):
        low = {"pong": -20.7, "breakout": 1.7}[game]
        for seed, score in scores.items():
            efficiency_curve = [(1_000, low), (2_000, score)]
            stored.append(store_run(tmp_path / f"{game}{seed}", game=game, seed=seed, evaluations=efficiency_curve))
        layer = {"network.norm": "layer"}
        stored.append(store_run(tmp_path / f"{game}-layer", game=game, evaluations=[(2_000, low)], settings=layer))
    return stored


@pytest.fixture
def comparison(places) -> Comparison:
    return compare_runs(places, baselines=["rainbow", "pqn"])


def test_agents_over_games_by_hand(comparison):
    values = comparison.aggregates()
    assert {name: one.value for name, one in values[AGENT].items()} == pytest.approx(
        {"mean": 0.875, "median": 0.875, "iqm": 0.75, "optimality_gap": (0.5 + 1.0) / 4}
    )
    assert {name: one.value for name, one in values[OTHER].items()} == pytest.approx(
        {"mean": 0.0, "median": 0.0, "iqm": 0.0, "optimality_gap": 1.0}
    )
    low, high = values[AGENT]["mean"].interval or pytest.fail("expected an interval")
    assert (low, high) == pytest.approx((0.25, 1.5))  # the worst and the best seeds of both games
    assert all(one.interval is None for one in values[OTHER].values())


def test_it_says_what_it_compares(comparison):
    assert repr(comparison) == f"Comparison({', '.join(comparison.agents)} in {', '.join(comparison.games)})"
    assert len(comparison.games) >= 2


def test_a_game_by_hand(comparison):
    pong = comparison.results[0]
    assert (pong.group.game, pong.group.agent, pong.raw.tolist()) == ("pong", AGENT, [14.6, -3.05])
    assert pong.normalised == pytest.approx([1.0, 0.5])
    assert (pong.env_steps, pong.frames) == ((2_000, 2_000), (8_000, 8_000))
    assert pong.protocols == ("nature, ε 0.001, 10 games a run",)
    assert pong.estimates["mean"] == Estimate(pytest.approx(5.775), pytest.approx((-3.05, 14.6)))
    assert pong.estimates["human_normalised"].value == pytest.approx(0.75)


def test_the_last_evaluation_counts(tmp_path, store_run):
    place = store_run(tmp_path / "a", evaluations=[(100, 20.0), (200, -5.0)])
    [result] = compare_runs([place], baselines=[]).results
    assert (result.raw.tolist(), result.env_steps) == ([-5.0], (200, 200))


def test_published_agents_stand_beside_where_they_have_the_games(comparison):
    rainbow = [human_normalised(game, published("rainbow")[game]) for game in ("pong", "breakout")]
    values = comparison.published_aggregates()
    assert values["rainbow"]["mean"] == Estimate(pytest.approx(np.mean(rainbow)))
    assert [values[key]["iqm"].value for key in ("random", "human")] == pytest.approx([0.0, 1.0])
    by_key = {one.key: one for one in comparison.published}
    assert (by_key["rainbow"].frames, by_key["pqn"].frames) == (200_000_000, 40_000_000)
    assert "no sticky actions" in by_key["rainbow"].protocol


def test_an_agent_that_comes_along_is_compared_by_its_card():
    [result] = compare_runs(["pong"], baselines=[]).results
    assert result.raw == pytest.approx([19.833333333333332])
    assert result.env_steps == (299_112, 299_112)
    assert result.protocols == ("nature, ε 0.001, 30 games a run",)


def test_games_without_a_human_scale_are_compared_raw(places, tmp_path, store_run):
    pole = store_run(tmp_path / "pole", game="CartPole-v1", evaluations=[(10, 90.0)])
    mixed = compare_runs([*places, pole], baselines=[])
    assert mixed.common == ("pong", "breakout")
    assert list(mixed.aggregates()) == [AGENT, OTHER]
    assert mixed.notes()[0] == "CartPole-v1: no human-normalised scores are published, raw scores are compared"
    alone = compare_runs([pole], baselines=["rainbow"])
    assert (alone.common, alone.aggregates(), alone.published) == ((), {}, ())
    assert "human_normalised" not in alone.results[0].estimates


def test_a_game_that_an_agent_has_not_played_is_left_out_and_said_so(places):
    fewer = compare_runs(places[:-1], baselines=[])
    assert fewer.common == ("pong",)
    assert fewer.aggregates()[AGENT]["mean"].value == pytest.approx(0.75)
    assert "breakout: not played by every agent, left out of the human-normalised table" in fewer.notes()


def test_what_makes_scores_unequal_is_said(tmp_path, store_run):
    short = store_run(tmp_path / "a", seed=1, evaluations=[(100, 1.0)])
    far = store_run(tmp_path / "b", seed=2, evaluations=[(900, 1.0)])
    notes = compare_runs([short, far], baselines=["dqn"]).notes()
    assert notes == [
        f"{AGENT} in pong: scores after 100 to 900 env steps",
        "published scores have other protocols and lengths of training: they show the scale, no more",
    ]


def test_seeds_that_are_missing_in_one_game_are_said(places):
    uneven = "a game with more seeds counts for more in IQM and optimality gap"
    assert uneven not in compare_runs(places).notes()
    assert uneven in compare_runs(places[1:]).notes()


def test_a_run_without_evaluations_is_refused_with_the_remedy(tmp_path, store_run):
    place = store_run(tmp_path / "a", games=[(10, 1.0)])
    with pytest.raises(CheckpointError) as refused:
        compare_runs([place])
    assert (
        str(refused.value)
        == f"expected an evaluation during the training in {place}, got none: add --games=30 to play now"
    )


def test_an_unknown_published_agent_is_refused(places):
    with pytest.raises(ConfigError, match="expected a table of published scores, got 'rainbw': choose from dqn, "):
        compare_runs(places, baselines=["rainbw"])


def test_plain_values_are_json_and_say_where_each_number_is_from(comparison, places):
    plain = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    first = plain["games"][0]
    assert [run["run"] for run in first["runs"]] == [str(places[0]), str(places[1])]
    assert [(run["seed"], run["mean"], run["env_steps"]) for run in first["runs"]] == [
        (1, 14.6, 2_000),
        (2, -3.05, 2_000),
    ]
    assert plain["human_normalised"][AGENT]["iqm"]["value"] == pytest.approx(0.75)
    assert {one["key"]: one["frames"] for one in plain["published"]}["rainbow"] == 200_000_000


def drawn(axes) -> dict[str, list[tuple[float, float]]]:
    return {
        str(line.get_label()): [(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)]
        for line in axes.lines
    }


def test_sample_efficiency_shows_the_iqm_along_the_frames(comparison):
    [axes] = efficiency_plots.sample_efficiency(comparison).axes
    lines = drawn(axes)
    assert lines[AGENT] == [(4_000, pytest.approx(0.0, abs=1e-12)), (8_000, pytest.approx(0.75))]
    assert lines[OTHER] == [(8_000, pytest.approx(0.0, abs=1e-12))]
    [(frames, score)] = lines["Rainbow (Hessel et al. 2018)"]
    assert (frames, score) == (200_000_000, pytest.approx(comparison.published_aggregates()["rainbow"]["iqm"].value))
    assert axes.get_xscale() == "log"


def test_an_agent_without_a_course_has_its_one_score(comparison):
    [axes] = efficiency_plots.sample_efficiency(compare_runs(["pong"], baselines=[])).axes
    [(frames, score)] = drawn(axes)["qr_dqn dn-renorm n=20"]
    assert (frames, score) == (4 * 299_112, pytest.approx(human_normalised("pong", 19.833333333333332)))


def test_runs_evaluated_at_their_end_alone_have_one_point_after_the_longest(tmp_path, store_run):
    ended = {1: 230_000, 2: 250_000, 3: 210_000}  # each by its score, so no frames are common to all
    scores = {1: 14.6, 2: 10.0, 3: 20.0}
    places = [
        store_run(tmp_path / f"{seed}", seed=seed, evaluations=[(at, scores[seed])]) for seed, at in ended.items()
    ]
    comparison = compare_runs(places, baselines=[])
    [axes] = efficiency_plots.sample_efficiency(comparison).axes
    iqm = comparison.aggregates()[AGENT]["iqm"]
    assert drawn(axes)[AGENT] == [(4 * 250_000, pytest.approx(iqm.value))]
    [[low, high]] = axes.collections[0].get_segments()  # a band of one point would not be seen
    assert (low[1], high[1]) == pytest.approx(iqm.interval)
    written = {path.stem for path in write_pictures(comparison, tmp_path / "pictures")}
    assert written == {"aggregates", "performance-profiles", "sample-efficiency"}


def test_performance_profiles_fall_at_the_scores(comparison):
    [axes] = performance_profiles(comparison).axes
    profile = np.array(drawn(axes)[AGENT])
    for threshold, share in ((-0.01, 1.0), (0.25, 0.75), (0.75, 0.5), (1.5, 0.25), (2.05, 0.0)):
        assert profile[np.searchsorted(profile[:, 0], threshold), 1] == share


def test_aggregates_have_a_row_an_agent_with_its_interval(comparison):
    figure = aggregates(comparison)
    iqm = figure.axes[0]
    assert [label.get_text() for label in iqm.get_yticklabels()] == [
        AGENT, OTHER, "random play", "human", "Rainbow (Hessel et al. 2018), 200M frames",
        "PQN (Gallici et al. 2025; CleanRL), 40M frames",
    ]  # fmt: skip
    assert drawn(iqm)[AGENT] == [(pytest.approx(0.75), 0.0)]
    bar = iqm.lines[0].get_xdata()
    assert tuple(bar) == pytest.approx(comparison.aggregates()[AGENT]["iqm"].interval)


def test_an_agent_has_one_colour_in_all_pictures(places, tmp_path, store_run):
    pole = store_run(tmp_path / "pole", game="CartPole-v1", evaluations=[(10, 90.0), (20, 91.0)])
    mixed = compare_runs([pole, *places], baselines=[])
    pictures = [aggregates(mixed), performance_profiles(mixed), efficiency_plots.sample_efficiency(mixed)]
    lines = [line for figure in pictures for axes in figure.axes for line in axes.lines if line.get_label() == OTHER]
    assert len(lines) == len(STATISTICS) + 2
    assert len({line.get_color() for line in lines}) == 1
    assert [text.get_text() for text in pictures[2].legends[0].get_texts()][:3] == [
        f"{AGENT} (4 runs of 2 games)", f"{OTHER} (2 runs of 2 games)", f"{mixed.results[0].group.agent} (1 seed)",
    ]  # fmt: skip


def test_pictures_are_written_as_png_and_svg_with_text_that_is_text(comparison, tmp_path):
    paths = write_pictures(comparison, tmp_path / "new" / "pictures")
    names = ("aggregates", "performance-profiles", "sample-efficiency")
    assert [path.name for path in paths] == [f"{name}{kind}" for name in names for kind in (".png", ".svg")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[::2])
    assert f">{AGENT} (4 runs of 2 games)<" in paths[-1].read_text()


def test_the_same_numbers_are_the_same_file(comparison, tmp_path):
    first, second = (save(aggregates(comparison), tmp_path / f"{name}.svg") for name in "ab")
    assert first.read_bytes() == second.read_bytes()

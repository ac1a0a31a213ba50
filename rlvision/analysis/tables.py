"""Tables of a comparison, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from rlvision.analysis.comparison import Comparison, Estimate, GameResult, list_games
from rlvision.evaluation.atari_scores import Published, format_frames, human_normalised, reference

COLUMNS = {"iqm": "IQM", "median": "median", "mean": "mean", "optimality_gap": "optimality gap"}
MISSING = "-"


class Protocols:
    """Letters that stand for protocols in a column, since their descriptions are too long; in order of first use."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, words: str) -> str:
        """Return the letter of a protocol."""
        return self._letters.setdefault(words, chr(ord("a") + len(self._letters)))

    def legend(self) -> str:
        """Return one line per letter, with its protocol."""
        return "\n".join(f"{letter}: {escape(words)}" for words, letter in self._letters.items())


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """Yield a table over all games with human-normalised scores, then a table of raw scores for every game."""
    if comparison.common:
        yield _over_games(comparison)
    for game in comparison.games:
        yield _of_game(comparison, game)


def _over_games(comparison: Comparison) -> Table:
    protocols = Protocols()
    table = _table(f"human-normalised scores over {list_games(comparison.common)}", "runs", "frames", *COLUMNS.values())
    for agent, estimates in comparison.aggregates().items():
        results = comparison.of(agent)
        ways = "; ".join(dict.fromkeys(words for result in results for words in result.protocols))
        runs = str(sum(len(result.scores) for result in results))
        table.add_row(escape(agent), runs, _reach(results), *_cells(estimates, 3), protocols.letter(ways))
    published = {one.key: one for one in comparison.published}
    for key, estimates in comparison.published_aggregates().items():
        one = published[key]
        cells = _cells(estimates, 3)
        table.add_row(escape(one.agent), MISSING, _frames(one), *cells, protocols.letter(one.protocol), style="dim")
    table.caption = protocols.legend()
    return table


def _of_game(comparison: Comparison, game: str) -> Table:
    protocols, is_normalised = Protocols(), reference(game) is not None
    normalised = ["normalised"] if is_normalised else []
    table = _table(f"{game}, scores of whole games", "seeds", "frames", "mean", "median", "IQM", *normalised)
    for result in comparison.results:
        if result.group.game == game:
            table.add_row(*_row(result), protocols.letter("; ".join(result.protocols)))
    for one in comparison.published:
        if game in one.scores:
            table.add_row(*_published_row(one, game), protocols.letter(one.protocol), style="dim")
    table.caption = protocols.legend()
    return table


def _table(title: str, *columns: str) -> Table:
    """Return an empty table, in which a number has its 95 % interval on the line below."""
    table = Table(
        title=f"{title} (below: 95 % interval)",
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1),
    )
    table.add_column("agent", min_width=15)
    for heading in columns:
        table.add_column(heading, justify="right")
    table.add_column("by", justify="right")
    return table


def _row(result: GameResult) -> list[str]:
    estimates = result.estimates
    numbers = [_cell(estimates["mean"], 2), _number(estimates["median"].value, 2), _cell(estimates["iqm"], 2)]
    normalised = [_cell(estimates["human_normalised"], 3)] if "human_normalised" in estimates else []
    return [escape(result.group.agent), str(len(result.scores)), _reach([result]), *numbers, *normalised]


def _published_row(one: Published, game: str) -> list[str]:
    score = one.scores[game]
    normalised = human_normalised(game, score)
    cells = [_number(score, 2), MISSING, MISSING, MISSING if normalised is None else _number(normalised, 3)]
    return [escape(one.agent), MISSING, _frames(one), *cells]


def _reach(results: Sequence[GameResult]) -> str:
    """Return the frames that our runs were trained for."""
    low, high = min(result.frames[0] for result in results), max(result.frames[1] for result in results)
    return format_frames(low) if low == high else f"{format_frames(low)} to\n{format_frames(high)}"


def _frames(one: Published) -> str:
    return MISSING if one.frames is None else format_frames(one.frames)


def _cells(estimates: Mapping[str, Estimate], digits: int) -> list[str]:
    return [_cell(estimates[name], digits) for name in COLUMNS]


def _cell(estimate: Estimate, digits: int) -> str:
    """Return a number and, below it, its interval, such as ``1.120 to 1.150``."""
    ends = " to ".join(_number(end, digits) for end in estimate.interval or ())
    return "\n".join(filter(None, [_number(estimate.value, digits), ends]))


def _number(value: float, digits: int) -> str:
    """Format a number, without decimals if it is large."""
    return f"{value:,.{digits if abs(value) < 1_000 else 0}f}"

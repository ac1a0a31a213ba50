"""What the trainer refuses to log."""

import math

import pytest

from rlvision.errors import DivergedError
from rlvision.meters import require_finite


@pytest.mark.parametrize("name", ["loss/td", "optimiser/grad_norm"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_run_that_diverged_is_stopped(name, value):
    with pytest.raises(DivergedError, match=f"finite {name}, got {value}: lower optimiser.learning_rate"):
        require_finite({"q/mean": 1.0, name: value})


def test_rows_before_learning_and_finite_ones_pass():
    require_finite({})
    require_finite({"loss/td": 0.1, "optimiser/grad_norm": 3.0, "q/return_seen": math.nan})

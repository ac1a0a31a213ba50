import logging

import pytest

from rlvision.core.errors import EnvCrashError, EnvError
from rlvision.envs.gymnasium_env import WINDOW_STEPS, RestartLimit

FAULT = EnvCrashError("expected it to work, got smoke")


def failing_at(steps, limit, index=0):
    """Fail after so many steps, one after the other."""
    restarts, now = RestartLimit(2, limit), 0
    for step in steps:
        for _ in range(step - now):
            restarts.count_step()
        now = step
        restarts.add({index: FAULT})


@pytest.mark.parametrize(
    "steps", [(1, 1), (1, 1, WINDOW_STEPS + 1), (5, 5, WINDOW_STEPS + 5, WINDOW_STEPS + 5, 2 * WINDOW_STEPS + 5)]
)
def test_failures_that_are_few_or_far_between_are_borne(steps):
    failing_at(steps, limit=2)


@pytest.mark.parametrize("steps", [(1, 1, 1), (1, 1, WINDOW_STEPS), (1, 500, WINDOW_STEPS + 300, WINDOW_STEPS + 400)])
def test_one_too_many_within_a_thousand_steps_is_an_error(steps):
    failing_at(steps[:-1], limit=2)
    with pytest.raises(EnvError, match=r"^expected it to work, got smoke, 3 times within 1,000 steps: fix .* \(2\)$"):
        failing_at(steps, limit=2)


def test_environments_are_counted_each_for_itself_and_told_of_together(caplog):
    restarts = RestartLimit(3, limit=1)
    restarts.add({0: FAULT, 1: FAULT, 2: EnvCrashError("expected it to work, got fire")})
    with caplog.at_level(logging.WARNING, "rlvision"):
        assert [record.message.split(";")[0][-5:] for record in caplog.records] == ["smoke", " fire"]
    with pytest.raises(EnvError):
        restarts.add({1: FAULT})

"""The record of the evaluations of a run."""

from rlvision.training.plan import EvalState


def test_of_equal_evaluations_the_last_is_kept_and_patience_runs_on():
    state = EvalState()
    kept = [state.record(score, at, 0) for at, score in enumerate((3.0, 2.0, 3.0, 4.0, 4.0), 1)]
    assert kept == [True, False, True, True, True]
    assert (state.best, state.evals_since_best, state.recorded_at) == (4.0, 1, 5)

"""One step of every optimiser on one parameter, by its formula."""

import math

import pytest
import torch

from rlvision.core.errors import ConfigError
from rlvision.learning.optimisers import OPTIMISERS, make_optimiser
from rlvision.learning.settings import OptimiserSettings

LR, EPSILON, MOMENTUM, DECAY, START, GRADIENT = 0.1, 1e-3, 0.9, 0.01, 2.0, 3.0


def settings(name):
    return OptimiserSettings(name=name, learning_rate=LR, epsilon=EPSILON, momentum=MOMENTUM)


def stepped(name, steps, weight_decay=0.0):
    """The parameter after some steps with the same gradient."""
    parameter = torch.nn.Parameter(torch.tensor([START]))
    groups = [{"params": [parameter], "weight_decay": weight_decay}]
    optimiser = make_optimiser(settings(name), groups)
    for _ in range(steps):
        parameter.grad = torch.tensor([GRADIENT])
        optimiser.step()
    return parameter.item()


ADAM = LR * GRADIENT / (GRADIENT + EPSILON)  # both moments are the gradient's own, corrected for their start at zero
CENTRED = math.sqrt(0.05 * GRADIENT**2 - (0.05 * GRADIENT) ** 2)  # RMSProp with decay 0.95


@pytest.mark.parametrize(
    ("name", "first_step"),
    [
        ("sgd", LR * GRADIENT),
        ("adam", ADAM),
        ("adamw", ADAM),
        ("radam", LR * GRADIENT),  # its variance is not rectified before the sixth step (Liu et al. 2020, algorithm 2)
        ("rmsprop", LR * GRADIENT / (CENTRED + EPSILON)),
        ("adagrad", LR * GRADIENT / (GRADIENT + EPSILON)),
    ],
)
def test_first_step(name, first_step):
    assert START - stepped(name, 1) == pytest.approx(first_step, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "both_steps"),
    [
        ("sgd", LR * GRADIENT * (1 + (1 + MOMENTUM))),
        ("adam", 2 * ADAM),
        ("radam", 2 * LR * GRADIENT),
        ("adagrad", LR * (GRADIENT / (GRADIENT + EPSILON) + GRADIENT / (GRADIENT * math.sqrt(2) + EPSILON))),
    ],
)
def test_second_step_remembers_the_first(name, both_steps):
    assert START - stepped(name, 2) == pytest.approx(both_steps, rel=1e-5)


def test_weight_decay_is_in_the_gradient_or_beside_it():
    assert START - stepped("sgd", 1, DECAY) == pytest.approx(LR * (GRADIENT + DECAY * START), rel=1e-5)
    assert START - stepped("adamw", 1, DECAY) == pytest.approx(ADAM + LR * DECAY * START, rel=1e-5)


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="adam, adamw, radam, sgd, rmsprop, adagrad, got 'lion'"):
        make_optimiser(settings("lion"), [])
    assert set(OPTIMISERS) == {"adam", "adamw", "radam", "sgd", "rmsprop", "adagrad"}

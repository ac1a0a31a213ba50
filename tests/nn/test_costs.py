"""The costs of a network: counted by hand, and without a trace."""

import torch

from rlvision.core.devices import make_autocast
from rlvision.nn.costs import ACTIONS, network_cost, network_costs
from rlvision.nn.registry import ENCODERS
from rlvision.nn.settings import NetworkSettings

CPU = torch.device("cpu")


def test_dn_is_counted_as_by_hand() -> None:
    before = torch.get_rng_state()
    cost = network_cost(NetworkSettings(), CPU, make_autocast("float32", CPU))
    maps = 37 * 37 * 16 * 4 * 25 + 17 * 17 * 32 * 16 * 25 + 7 * 7 * 32 * 32 * 25
    assert (cost.encoder, cost.size) == ("dn", 77)
    assert cost.multiply_adds == maps + 32 * 7 * 7 * ACTIONS
    assert cost.parameters == 49_654
    assert 0 < cost.act < cost.update
    assert torch.equal(torch.get_rng_state(), before)


def test_every_encoder_has_a_cost() -> None:
    costs = list(network_costs(CPU, make_autocast("float32", CPU)))
    assert [cost.encoder for cost in costs] == list(ENCODERS)
    assert all(cost.multiply_adds > 1e6 for cost in costs)

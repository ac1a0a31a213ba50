"""The sum tree against a list, and at the edges of arithmetic."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvision.replay import sum_tree
from rlvision.replay.sum_tree import SumTree, by_product, running_sums

CPU = torch.device("cpu")


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def tree_of(masses):
    tree = SumTree(len(masses), CPU)
    tree.fill(float64(masses))
    return tree


def naive_sample(masses, target):
    """The first leaf at which the running sum exceeds the target; the last one with mass if none does."""
    running, last = 0, 0
    for leaf, mass in enumerate(masses):
        running += mass
        last = leaf if mass else last
        if running > target:
            return leaf
    return last


@pytest.fixture(params=[2, 3, 128])
def branches(request, monkeypatch):
    monkeypatch.setattr(sum_tree, "BRANCHES", request.param)


def test_the_drawing_in_the_docstring(monkeypatch):
    monkeypatch.setattr(sum_tree, "BRANCHES", 3)
    tree = tree_of([2, 7, 0, 4, 6, 1])
    assert tree.total == 20
    assert tree.sample(float64([13.5, 0, 1.9, 2, 8.9, 9, 19, 20])).tolist() == [4, 0, 0, 1, 1, 3, 5, 5]


@pytest.mark.usefixtures("branches")
def test_it_is_a_list_of_masses():
    masses = st.integers(0, 9)  # whole numbers: their sums are exact, so every target has one right answer
    writes = st.lists(st.lists(st.tuples(st.integers(0, 399), masses), min_size=1, max_size=8), max_size=8)

    @given(st.integers(1, 400), writes)
    @settings(max_examples=100, deadline=None)
    def check(capacity, writes):
        tree, naive = SumTree(capacity, CPU), [0] * capacity
        for write in writes:
            named = {}
            for leaf, mass in write:
                named[leaf % capacity] = max(mass, named.get(leaf % capacity, 0))  # named twice: the larger
            for leaf, mass in named.items():
                naive[leaf] = mass
            tree.set(torch.tensor([leaf % capacity for leaf, _ in write]), float64([mass for _, mass in write]))
        assert tree.leaves.tolist() == naive
        assert tree.total == sum(naive)
        if sum(naive):
            targets = [half / 2 for half in range(2 * sum(naive) + 1)]
            assert tree.sample(float64(targets)).tolist() == [naive_sample(naive, target) for target in targets]

    check()


@pytest.mark.usefixtures("branches")
@pytest.mark.parametrize("seed", range(20))
def test_no_leaf_without_mass_is_ever_drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    magnitude = torch.rand(1000, dtype=torch.float64, generator=generator) * 400 - 300
    masses = 10.0**magnitude * (torch.rand(1000, generator=generator) < 0.1)  # 1e-300 … 1e100, most of them 0
    masses[-1] = 0.0
    tree = tree_of(masses.tolist())
    within = torch.rand(1000, dtype=torch.float64, generator=generator) ** 20 * tree.total
    edges = torch.stack((tree.total * 0, tree.total, tree.total * (1 + 1e-12), tree.total.nextafter(tree.total * 0)))
    running_sums = masses.cumsum(0)
    assert (masses[tree.sample(torch.cat((within, edges, running_sums)))] > 0).all()


def parallel_cumsum(mass, dim):
    """A scan as a GPU does it (Hillis and Steele 1986): neighbouring sums round differently, so they may even fall."""
    reach, stride = mass, 1
    while stride < mass.shape[dim]:
        reach = torch.cat((reach[:, :stride], reach[:, stride:] + reach[:, :-stride]), dim)
        stride *= 2
    return reach


def test_no_leaf_without_mass_is_drawn_where_running_sums_are_not_monotone(monkeypatch):
    masses = torch.rand(128, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    masses[torch.arange(128) % 3 != 0] = 0.0
    reach = parallel_cumsum(masses[None], 1)[0]
    assert (reach.diff()[masses[1:] == 0] != 0).any()  # a step where there is no mass
    monkeypatch.setattr(torch.Tensor, "cumsum", parallel_cumsum)
    assert (masses[tree_of(masses.tolist()).sample(reach)] > 0).all()


def test_the_smallest_number_there_is_can_be_drawn():
    assert tree_of([0.0, 5e-324, 0.0]).sample(float64([0.0, 5e-324])).tolist() == [1, 1]


@pytest.mark.usefixtures("branches")
def test_sums_do_not_drift():
    generator = torch.Generator().manual_seed(0)
    tree = SumTree(500, CPU)
    for _ in range(300):
        index = torch.randint(500, (32,), generator=generator)
        tree.set(index, torch.rand(32, dtype=torch.float64, generator=generator) * 1e9)
    tree.set(torch.arange(500), torch.full((500,), 0.1, dtype=torch.float64))
    assert tree.total.item() == pytest.approx(50.0, rel=1e-14)


def test_filling_forgets_what_was_there():
    tree = tree_of([1.0] * 300)
    tree.fill(float64([2.0, 3.0]))
    assert tree.total == 5
    assert tree.leaves.tolist() == [2.0, 3.0] + [0.0] * 298


def test_running_sums_by_a_product_are_those_that_are_added_up():
    """A GPU takes the product: what it adds up it adds in another order each time."""
    mass = torch.rand(5, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mass[:, ::3] = 0.0
    torch.testing.assert_close(by_product(mass), running_sums(mass), rtol=1e-12, atol=0)
    assert torch.equal(running_sums(mass), mass.cumsum(dim=1))

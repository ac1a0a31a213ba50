"""Agents whose parts are timed one by one; the stored results name the processor, but not the machine."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from noise import make_agent

from rlvision.core.agent import Agent

sys.path.insert(0, str(Path(__file__).parents[1]))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Store the processor and torch, not the machine's name."""
    from measure.machine import machine

    machine_info.clear()
    machine_info.update(machine())


def pytest_benchmark_update_commit_info(commit_info: dict[str, Any]) -> None:
    """Store only the commit's id."""
    for name in set(commit_info) - {"id", "time", "dirty"}:
        del commit_info[name]


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Store the statistics without the time of every round, which takes a hundred times the space."""
    for one in output_json["benchmarks"]:
        one["stats"].pop("data", None)


@pytest.fixture(scope="module")
def agent() -> Agent:
    """Return an agent with uniform replay."""
    return make_agent()


@pytest.fixture(scope="module")
def smallest_agent() -> Agent:
    """Return an agent with the smallest frames that DN takes: its update shows the cost that pixels do not add to."""
    return make_agent(size=29)


@pytest.fixture(scope="module")
def prioritised_agent() -> Agent:
    """Return an agent with prioritised replay, in which every transition has another priority."""
    made = make_agent(prioritised=True)
    for _ in range(200):
        batch = made.memory.sample()
        made.memory.update_priorities(batch.index, torch.rand(len(batch.index)))
    return made

"""Agents for timing their parts one by one; what is kept names no machine but its processor."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from noise import make_agent

from rlvision.core.types import Agent

sys.path.insert(0, str(Path(__file__).parents[1]))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """The processor and torch, not the machine's name."""
    from measure.machine import machine

    machine_info.clear()
    machine_info.update(machine())


def pytest_benchmark_update_commit_info(commit_info: dict[str, Any]) -> None:
    """Only which commit it was."""
    for name in set(commit_info) - {"id", "time", "dirty"}:
        del commit_info[name]


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """The statistics without the time of every round, which take a hundred times the space."""
    for one in output_json["benchmarks"]:
        one["stats"].pop("data", None)


@pytest.fixture(scope="module")
def agent() -> Agent:
    """With uniform replay."""
    return make_agent()


@pytest.fixture(scope="module")
def smallest_agent() -> Agent:
    """With the smallest frames that DN takes: what its update costs is what does not grow with pixels."""
    return make_agent(size=29)


@pytest.fixture(scope="module")
def prioritised_agent() -> Agent:
    """With prioritised replay; every transition has a priority of its own."""
    made = make_agent(prioritised=True)
    for _ in range(200):
        batch = made.memory.sample()
        made.memory.update_priorities(batch.index, torch.rand(len(batch.index)))
    return made

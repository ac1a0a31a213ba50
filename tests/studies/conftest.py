"""Studies are imported as they are run: from the project's root."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _root_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))

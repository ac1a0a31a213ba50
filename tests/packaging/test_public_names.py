"""Each room names what is public in its ``__init__.py``, and nobody imports past it."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from tests.packaging.conftest import MODULES

ROOMS = sorted({name.split(".")[1] for name in MODULES if name.count(".") > 1} - {"agents", "configs", "cli"})


def room_file(room: str) -> Path:
    return Path(str(import_module(f"rlvision.{room}").__file__))


def typed_names(room: str) -> dict[str, str]:
    """Public name -> module, as a type checker reads the room."""
    tree = ast.parse(room_file(room).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    return {alias.asname: node.module for node in block.body for alias in node.names}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_what_is_public_the_same_for_programs_and_for_type_checkers(room):
    found = import_module(f"rlvision.{room}")
    typed = typed_names(room)
    assert sorted(typed) == found.__all__
    for name, module in typed.items():
        assert getattr(found, name) is getattr(import_module(module), name)


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_name_is_hidden_by_a_module_of_the_room(room):
    inside = {path.stem for path in room_file(room).parent.iterdir()}
    assert not inside & set(typed_names(room))


def test_another_name_is_an_error_that_lists_the_public_ones():
    replay = import_module("rlvision.replay")
    with pytest.raises(AttributeError, match=r"has no public name 'Ring': it has .*ReplayBuffer"):
        _ = replay.Ring


@pytest.mark.parametrize("room", ROOMS)
def test_other_rooms_import_only_what_is_public(room):
    public, prefix = set(typed_names(room)), f"rlvision.{room}."
    taken = {
        alias.name
        for module, tree in MODULES.items()
        if module.split(".")[1:2] not in ([room], [])
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix)
        for alias in node.names
    }
    assert taken <= public


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_costs_no_torch_until_a_name_of_it_is_used(room):
    import subprocess
    import sys

    code = f"import sys, rlvision.{room}; sys.exit('torch' in sys.modules or 'gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_help_and_completion_know_every_name_of_the_package():
    import pydoc

    import rlvision

    assert set(rlvision.__all__) <= set(dir(rlvision))
    page = pydoc.render_doc(rlvision, renderer=pydoc.plaintext)
    for name in rlvision.__all__:
        assert f"class {name}(" in page or f"{name}(" in page
        assert name in (rlvision.__doc__ or "")

"""Any callable that makes an environment will do; what is none is named as what it is."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary

from rlvision.core.errors import ConfigError, EnvError
from rlvision.core.object_names import name_object
from rlvision.envs.factory import is_atari
from rlvision.envs.pictures import describe_space
from rlvision.envs.world_view import DEFAULT_FPS, declared_fps


@pytest.fixture
def made_as(rendered):
    """The arguments with which a world was made."""
    from open_worlds import Counted

    def _made_as(name, **settings):
        Counted.made.clear()
        env = rendered(f"open_worlds:{name}", 1, height=30, width=28, stack=1, **settings)
        assert env.reset(0).max() == 200
        env.close()
        return Counted.made[-1]

    return _made_as


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("open_worlds:build", 3),
        ("open_worlds:two_actions", 2),
        ("open_worlds:five_actions", 5),
        ("open_worlds:Outer.Inner", 3),
        ("open_worlds:Mirror", 3),
        ("open_worlds:Open-v0", 3),
        ("open_worlds:Closed", 3),
    ],
)
def test_any_callable_or_id_makes_a_world(name, actions, rendered):
    env = rendered(name, 1)
    env.reset(0)
    assert env.spec.num_actions == actions
    assert env.step(np.zeros(1, np.int64)).reward == 1
    env.close()


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_id_behind_its_module_is_imported_and_has_its_own_time_limit(monkeypatch, num_workers, rendered):
    monkeypatch.delitem(sys.modules, "open_worlds", raising=False)
    monkeypatch.delitem(gymnasium.registry, "Open-v0", raising=False)
    env = rendered("open_worlds:Open-v0", 1, num_workers=num_workers)
    env.reset(0)
    rows = [env.step(np.zeros(1, np.int64)) for _ in range(4)]
    assert rows[-1].truncated
    env.close()


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_a_users_own_id_is_the_users(monkeypatch, rendered):
    assert is_atari("Breakout-v0")
    monkeypatch.setitem(gymnasium.registry, "Breakout-v0", gymnasium.registry["Breakout-v0"])  # put back afterwards
    gymnasium.register("Breakout-v0", entry_point="open_worlds:Striped")
    assert not is_atari("Breakout-v0")
    env = rendered("Breakout-v0", 1)
    assert env.spec.num_actions == 3
    env.close()


def test_an_argument_that_a_world_needs_is_asked_for(rendered):
    with pytest.raises(ConfigError, match=r"a value for level, which open_worlds:Levelled takes, got none: name it in"):
        rendered("open_worlds:Levelled", 1)
    rendered("open_worlds:Levelled", 1, kwargs={"level": 2}).close()


def test_a_function_that_returns_one_environment_again_is_refused(rendered):
    import open_worlds

    one = open_worlds.Striped()
    for make in (lambda: one, lambda: gymnasium.wrappers.TimeLimit(one, 5)):
        with pytest.raises(
            EnvError, match=r"expected another environment from each call of object:lambda.*, got the same"
        ):
            rendered(name_object(make), 2)
    rendered(name_object(lambda: open_worlds.Striped()), 2).close()


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_an_argument_that_the_id_gives_is_not_asked_for(monkeypatch, rendered):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    gymnasium.register("Levelled-v0", entry_point="open_worlds:Levelled", kwargs={"level": 2})
    env = rendered("Levelled-v0", 1)
    assert env.spec.num_actions == 3
    env.close()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("import json\nopen('no-such-level.txt')\n", "correct {}.py, line 2"),
        ("class World\n", "correct {}.py, line 1"),
        ("import json, {}_inner\n", "correct {}_inner.py, line 2"),
        ("import no_such_library.part\n", "pip install no_such_library, which {} imports"),
        ("from rlvision.core.user_code import refuse_while_imported\nrefuse_while_imported('trains')", "put what the "),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_line(
    tmp_path, monkeypatch, request, rendered, text, remedy
):
    name = f"failing_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}_inner.py").write_text("import json\n1 / 0\n")
    (tmp_path / f"{name}.py").write_text(text.format(name))
    with pytest.raises(ConfigError) as refused:
        rendered(f"{name}:World", 1)
    assert remedy.format(name) in str(refused.value)
    assert "where Python finds" not in str(refused.value) or "pip install" in str(refused.value)


@pytest.mark.parametrize("name", ["Counted", "Forgets", "Insists"])
def test_a_render_mode_is_asked_for_where_a_render_is_needed(name, made_as):
    if name == "Forgets":
        made_as(name)
    else:
        assert made_as(name) == {"render_mode": "rgb_array"}


def test_the_users_own_arguments_win(made_as):
    assert made_as("Counted", kwargs={"depth": 3}) == {"render_mode": "rgb_array", "depth": 3}
    assert made_as("Counted", kwargs={"render_mode": "mine"}) == {"render_mode": "mine"}


def test_a_world_with_a_picture_is_made_once_and_without_a_render_mode(monkeypatch, rendered):
    from open_worlds import Captioned

    made = []
    monkeypatch.setattr(Captioned, "__init__", lambda self, render_mode=None: made.append(render_mode))
    rendered("open_worlds:Captioned", 1).close()
    assert made == [None, None]  # to look at it, and to play


def test_a_constructor_behind_which_nothing_takes_a_render_mode(rendered):
    with pytest.raises(EnvError, match="neither from open_worlds:Passes"):
        rendered("open_worlds:Passes", 1)


OLD = r"expected Gymnasium's interface from open_worlds:{}, got {}, written for gym before 0.26: {}.* shimmy"
REFUSED = [
    ("Old", OLD.format("Old", r"reset\(self\)", r"give it reset\(self, \*, seed=None")),
    ("OldRendering", OLD.format("OldRendering", r"metadata\['render.modes'\]", "name metadata")),
    ("Duck", r"expected open_worlds:Duck to make a gymnasium.Env, got open_worlds.Duck: derive the class"),
    ("Speechless", "expected an action space when <Speechless instance> is made, got none: set it in its __init__"),
]


@pytest.mark.parametrize(("name", "words"), REFUSED)
def test_what_is_no_world_of_gymnasium_is_named_as_what_it_is(name, words, rendered):
    with pytest.raises(EnvError, match=words):
        rendered(f"open_worlds:{name}", 1)


def test_what_neither_shows_nor_renders_a_picture_is_refused_with_both(rendered):
    with pytest.raises(
        EnvError, match=r"got neither from odd_worlds:Invisible \(observation Box.*, render modes none\).*TransformObs"
    ):
        rendered("odd_worlds:Invisible", 1)


def test_a_module_that_is_another_is_named_with_its_file(rendered):
    with pytest.raises(ConfigError, match=r"class or function 'World' in json \(.*json.__init__.py\), got none: check"):
        rendered("json:World", 1)


def test_a_wrapper_of_gymnasiums_own_world_is_the_users_and_names_its_actions(rendered):
    env = rendered("open_worlds:NamedCart", 1)
    assert env.spec.action_meanings == ("left", "right")
    assert env.view.lines[0].startswith(
        "the agent sees render(), in gray; its observation, Box[4] float32, is not used"
    )
    env.close()


def test_a_space_is_described_without_its_bounds_and_functions():
    class Words(gymnasium.Space):
        def __init__(self):
            super().__init__()
            self.function = print

        def __repr__(self):
            return f"Words({self.function!r}, <function at 0x7f>)"

    entries = {"image": Box(0, 255, (7, 7, 3), np.uint8), "mission": Words()}
    pair = gymnasium.spaces.Tuple([Discrete(4), MultiBinary(3)])
    space = gymnasium.spaces.Dict({**entries, "pair": pair})
    words = "Dict(image: Box[7, 7, 3] uint8, mission: Words, pair: Tuple(Discrete, MultiBinary[3] int8))"
    assert describe_space(space) == words
    assert describe_space(None) == "NoneType"


def test_one_action_is_said(rendered):
    env = rendered("open_worlds:Told", 1, kwargs={"actions": 1})
    assert env.view.lines[-1] == "it has one action: nothing to learn"
    env.close()


@pytest.mark.parametrize(
    ("metadata", "fps"),
    [
        ({"render_fps": "15"}, 15),
        ({"render_fps": "fast"}, DEFAULT_FPS),
        ({"render_fps": None}, DEFAULT_FPS),
        ({"render_fps": -3}, DEFAULT_FPS),
        ({"render_fps": float("nan")}, DEFAULT_FPS),
        ({"render_fps": 1e9}, 240),
        (3, DEFAULT_FPS),
        (None, DEFAULT_FPS),
    ],
)
def test_the_pace_is_a_number_whatever_is_declared(metadata, fps):
    from open_worlds import Striped

    env = Striped()
    env.metadata = metadata
    assert declared_fps(env) == fps


def test_attributes_that_raise_or_are_something_else_do_no_harm(rendered):
    env = rendered("open_worlds:Unnamed", 1)
    assert env.decisions_per_second == DEFAULT_FPS
    assert env.spec.action_meanings == ("0", "1", "2")
    env.close()


def test_an_id_that_was_there_before_ale_py_is_kept():
    """In a fresh Python, as in a script that registers its world before it imports rlvision."""
    program = (
        "import gymnasium\n"
        "gymnasium.register('Breakout-v0', entry_point='open_worlds:Striped')\n"
        "from rlvision.envs.factory import is_atari\n"
        "print(is_atari('Breakout-v0'), is_atari('Pong-v0'))"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("False True\n", "")

"""YAML as people expect it: 1e-4 is a number, `on` and `no` are words, a key appears once.

PyYAML follows YAML 1.1, where ``1e-4`` and ``1e7`` are text, ``on`` and ``no`` are booleans, ``010`` is eight
and of two equal keys the last wins silently. The reader and the writer here share the plain scalars of YAML
1.2's core schema instead, so whatever is written is read back as it was.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from rlvision.core.errors import ConfigError

_NUMBER_STARTS = list("-+.0123456789")


class _Loader(yaml.SafeLoader):
    """Plain data only, without aliases and repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases: a short text could stand for gigabytes, or contain itself."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name); write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that was there before."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = next((key for position, key in enumerate(keys) if key in keys[:position]), None)
        if repeated is not None:
            raise yaml.YAMLError(f"the key {repeated!r} twice; keep one of them")
        return super().construct_mapping(node, deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """A whole number in base ten, with underscores where they help reading."""
        return int(self.construct_scalar(node).replace("_", ""))


class _Dumper(yaml.SafeDumper):
    """Quotes exactly what `_Loader` would not read as text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out as often as they occur."""
        return True


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
    _side.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|false|False)$"), list("tTfF"))
    _side.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), _NUMBER_STARTS)
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^([-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$"),
        _NUMBER_STARTS,
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)


def parse(text: str, source: str) -> Any:
    """The plain value a YAML text stands for: nested dicts and lists of text, numbers, booleans and None.

    Args:
        text: One YAML document.
        source: Where it comes from, for the error message.

    Raises:
        ConfigError: where the text is not YAML, repeats a key, or uses aliases or tags.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found = " ".join(str(error).split())
        raise ConfigError(f"expected {source} to be plain YAML, got {found}: mend the text") from error


def dump(tree: Any) -> str:
    """The YAML text that `parse` reads back as ``tree``, keys in their order, in ASCII."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=100)

"""YAML with strict rules: 1e-4 is a number, ``on`` and ``no`` are text, and a key may appear once.

PyYAML follows YAML 1.1, where ``1e-4`` and ``1e7`` are text, ``on`` and ``no`` are booleans, and ``010`` is eight. Of
two equal keys it silently takes the last. The reader and writer here use the plain scalars of YAML 1.2's core schema,
so every value is read back as it was written.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from rlvision.core.errors import ConfigError

_NUMBER_STARTS = list("-+.0123456789")


class _Loader(yaml.SafeLoader):
    """A loader of plain data that refuses aliases and repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases, because a short text could expand to gigabytes or contain itself."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name); write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a repeated key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = next((key for position, key in enumerate(keys) if key in keys[:position]), None)
        if repeated is not None:
            raise yaml.YAMLError(f"the key {repeated!r} twice; keep one of them")
        return super().construct_mapping(node, deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """Read a decimal integer, which may have underscores between its digits."""
        return int(self.construct_scalar(node).replace("_", ""))


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes a text only if `_Loader` would not read it as text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated values in full each time."""
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
    """Parse a YAML text into plain values: nested dicts and lists of text, numbers, booleans and None.

    Args:
        text: One YAML document.
        source: Origin of the text, for the error message.

    Raises:
        ConfigError: The text is not YAML, repeats a key, or uses aliases or tags.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found = " ".join(str(error).split())
        raise ConfigError(f"expected {source} to be plain YAML, got {found}: correct the text") from error


def dump(tree: Any) -> str:
    """Return YAML text that `parse` reads back as ``tree``, in ASCII and with the keys in order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=100)

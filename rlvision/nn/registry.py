"""Encoders by name: the built-in ones, or a user's own by import path."""

import importlib
import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from rlvision.core.errors import ConfigError
from rlvision.nn.dn import DNEncoder
from rlvision.nn.standard_encoders import MLP, ImpalaCNN, NatureCNN

ENCODERS: Mapping[str, type[nn.Module]] = {"dn": DNEncoder, "nature": NatureCNN, "impala": ImpalaCNN, "mlp": MLP}


def build_encoder(name: str, observation_shape: tuple[int, int, int], **options: Any) -> nn.Module:
    """The encoder called ``name``, built as ``Class(in_channels, height, width, **options)``.

    Args:
        name: "dn", "nature", "impala", "mlp", or "package.module:Class" for a `torch.nn.Module` of
            one's own that maps pixels in [0, 1], float32 or in autocast's precision, [B, C, H, W], to
            [B, features] and says so in an integer attribute ``features``; ``levels`` (see
            `rlvision.nn.encoder_base.Encoder`) is welcome.
        observation_shape: (C, H, W).
        options: Keyword arguments of the class.

    Raises:
        ConfigError: The class cannot be found, does not take the options, or is no encoder.
    """
    encoder_class = find_encoder(name)
    _require_accepted(encoder_class, name, options)
    try:
        encoder = encoder_class(*observation_shape, **options)
    except ConfigError:
        raise
    except Exception as error:  # a constructor of somebody's own raises whatever it does
        raise ConfigError(
            f"expected to make encoder {name!r} for {observation_shape} with {dict(options)}, got "
            f"{type(error).__name__} ({error}): change its options or its constructor; --debug shows where"
        ) from error
    if not isinstance(getattr(encoder, "features", None), int):
        raise ConfigError(
            f"expected encoder {name!r} to say the width of its output, got no integer attribute 'features': "
            "set self.features in its constructor"
        )
    return encoder


def find_encoder(name: str) -> type[nn.Module]:
    """The class called ``name``: of the built-in encoders, or by import path.

    Raises:
        ConfigError: There is no such class, or it is not a `torch.nn.Module`.
    """
    if name in ENCODERS:
        return ENCODERS[name]
    found = _import(name) if ":" in name else None
    if found is None:
        nearest = get_close_matches(name, ENCODERS, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else "write your own as 'package.module:Class'"
        raise ConfigError(f"expected an encoder out of {', '.join(ENCODERS)}, got {name!r}: {hint}")
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ConfigError(
            f"expected {name!r} to be a subclass of torch.nn.Module, got {found!r}: name the class itself"
        )
    return found


def _import(path: str) -> object:
    module_name, _, attribute = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # its code runs, and raises whatever it does
        raise ConfigError(
            f"expected encoder {path!r} to be importable, got {type(error).__name__} ({error}): "
            "install it or run where Python finds its module"
        ) from error
    if not hasattr(module, attribute):
        raise ConfigError(
            f"expected a class {attribute!r} in {module_name!r}, got none: check the name after the colon"
        )
    return getattr(module, attribute)


def _require_accepted(encoder_class: type[nn.Module], name: str, options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(encoder_class).bind("C", "H", "W", **options)
    except TypeError as error:
        raise ConfigError(
            f"expected encoder {name!r} to take (in_channels, height, width, **{dict(options)}), got one that does not "
            f"({error}): change its options or its constructor"
        ) from error

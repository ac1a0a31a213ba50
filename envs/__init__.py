"""Part of rlvision: import it as ``rlvision.envs``."""

if __name__ != "rlvision.envs":
    raise ImportError(
        f"expected the import name rlvision.envs, got {__name__!r}: import rlvision.envs instead "
        "(under the bare name every class would exist twice)"
    )

"""Agents of rlvision; import them as ``rlvision.agents``."""

if __name__ != "rlvision.agents":
    raise ImportError(
        f"expected the import name rlvision.agents, got {__name__!r}: import rlvision.agents instead "
        "(under the bare name every class would exist twice)"
    )

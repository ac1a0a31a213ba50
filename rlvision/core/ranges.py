"""The types of settings, each named after what it limits.

A limit has one of three reasons. The quantity has no meaning outside it (a probability), or a library counts in so many
bits (emulator frames, seeds), or libraries fail beyond it without naming the setting at fault (pixels, threads).
"""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MinLen

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
NonEmptyStr = Annotated[str, MinLen(1)]

# Quantities that have no meaning outside their range.
Probability = Annotated[float, Ge(0), Le(1)]
UnitInterval = Annotated[float, Ge(0), Le(1)]  # a discount, or an exponent between nothing and all
DropProbability = Annotated[float, Ge(0), Lt(1)]  # at 1 nothing would be left
DecayRate = Annotated[float, Ge(0), Lt(1)]  # of a running mean; at 1 it would never forget
UpdateWeight = Annotated[float, Gt(0), Le(1)]  # of a new value in a running mean; at 0 it would never move
ZetaExponent = Annotated[float, Gt(1)]  # at 1 the sum over all durations has no limit
CorrectionLimit = Annotated[float, Ge(1)]  # bounds a factor to [1 / limit, limit]
QuantileCount = Annotated[int, Gt(1), Le(1024)]  # one quantile is no distribution; memory grows with the square

# Numbers that a library keeps in so many bits.
Seed = Annotated[int, Ge(0), Lt(2**32)]  # numpy takes no other
FrameCount = Annotated[int, Gt(0), Le(2**31 - 1)]  # ale-py counts emulator frames in 32 bits, signed

# Sizes beyond which libraries fail without naming the setting.
EnvCount = Annotated[int, Gt(0), Le(65_536)]
BatchSize = Annotated[int, Gt(0), Le(65_536)]
LayerWidth = Annotated[int, Ge(0), Le(65_536)]  # 0: no such layer
ThreadCount = Annotated[int, Gt(0), Le(1024)]
Pixels = Annotated[int, Gt(0), Le(4096)]
FramesPerStep = Annotated[int, Gt(0), Le(100)]  # played, or looked at, in every single step
NoopCount = Annotated[int, Ge(0), Le(10_000)]
ReplayRatio = Annotated[float, Gt(0), Le(1e6)]

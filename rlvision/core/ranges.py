"""Types of settings, each named after the quantity that it limits.

A limit has one of three reasons:

* the quantity has no meaning outside it, such as a probability;
* a library stores the quantity in a fixed number of bits, such as emulator frames and seeds;
* libraries fail beyond it without naming the setting, such as pixels and threads.
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
UnitInterval = Annotated[float, Ge(0), Le(1)]  # a discount, or an exponent from no effect to the full one
DropProbability = Annotated[float, Ge(0), Lt(1)]  # at 1 every unit would be dropped
DecayRate = Annotated[float, Ge(0), Lt(1)]  # of a running mean; at 1 it would never change
UpdateWeight = Annotated[float, Gt(0), Le(1)]  # of a new value in a running mean; at 0 it would never change
ZetaExponent = Annotated[float, Gt(1)]  # at 1 the sum over all durations has no limit
CorrectionLimit = Annotated[float, Ge(1)]  # bounds a factor to [1 / limit, limit]
QuantileCount = Annotated[int, Gt(1), Le(1024)]  # one quantile is no distribution; memory grows with the square

# Numbers that a library stores in a fixed number of bits.
Seed = Annotated[int, Ge(0), Lt(2**32)]  # the range of NumPy
FrameCount = Annotated[int, Gt(0), Le(2**31 - 1)]  # ale-py counts emulator frames in 32 bits, signed

# Sizes beyond which libraries fail without naming the setting.
EnvCount = Annotated[int, Gt(0), Le(65_536)]
BatchSize = Annotated[int, Gt(0), Le(65_536)]
LayerWidth = Annotated[int, Ge(0), Le(65_536)]  # 0: no layer
ThreadCount = Annotated[int, Gt(0), Le(1024)]
Pixels = Annotated[int, Gt(0), Le(4096)]
FramesPerStep = Annotated[int, Gt(0), Le(100)]  # emulated, or shown to the network, at each step
NoopCount = Annotated[int, Ge(0), Le(10_000)]
ReplayRatio = Annotated[float, Gt(0), Le(1e6)]

"""The exception tree.

::

    RLVisionError
    ├── ConfigError         a setting, preset or argument that cannot be used
    ├── EnvError            an environment that cannot be made, or that broke its contract
    │   └── EnvCrashError   one that raised an error of its own, died or hung: made anew, it may go well
    ├── CheckpointError     a run or checkpoint that is missing, damaged or of another kind
    ├── MemoryBudgetError   the run would need more memory than there is
    ├── DivergedError       learning that has left the finite numbers
    └── MissingExtraError   an optional dependency that is not installed

Every message has three parts: what was expected, what came, and the remedy.
"""


class RLVisionError(Exception):
    """Base of all errors that a user can mend; the command line prints it as one line and exits 2."""


class ConfigError(RLVisionError):
    """A setting, preset or argument that cannot be used."""


class EnvError(RLVisionError):
    """An environment that cannot be made, or that broke its contract."""


class EnvCrashError(EnvError):
    """An environment that raised an error of its own, died or hung: made anew, it may go well."""


class CheckpointError(RLVisionError):
    """A run folder or checkpoint that is missing, damaged or of another kind."""


class MemoryBudgetError(RLVisionError):
    """The run would need more memory than the machine has free."""


class MissingExtraError(RLVisionError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class DivergedError(RLVisionError, FloatingPointError):
    """A loss or gradient is not finite; the last checkpoint is from before."""

"""Core: the records and verbs of the architecture, and what every room needs: errors, files, devices, seeds, memory."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.core.action_masks import ILLEGAL as ILLEGAL
    from rlvision.core.action_masks import MaskedStep as MaskedStep
    from rlvision.core.action_masks import MaskedTransition as MaskedTransition
    from rlvision.core.action_masks import act_legally as act_legally
    from rlvision.core.action_masks import are_legal as are_legal
    from rlvision.core.action_masks import greedy_actions as greedy_actions
    from rlvision.core.action_masks import legal_values as legal_values
    from rlvision.core.action_masks import mask_in as mask_in
    from rlvision.core.action_masks import mask_of as mask_of
    from rlvision.core.action_masks import random_actions as random_actions
    from rlvision.core.action_masks import replace_illegal as replace_illegal
    from rlvision.core.action_masks import with_mask as with_mask
    from rlvision.core.action_masks import with_masks as with_masks
    from rlvision.core.action_masks import with_masks_of_rows as with_masks_of_rows
    from rlvision.core.agent import Agent as Agent
    from rlvision.core.agent import require_masks as require_masks
    from rlvision.core.append_log import AppendLog as AppendLog
    from rlvision.core.child_path import forget_safe_path as forget_safe_path
    from rlvision.core.child_path import safe_path as safe_path
    from rlvision.core.devices import Autocast as Autocast
    from rlvision.core.devices import determinism as determinism
    from rlvision.core.devices import make_autocast as make_autocast
    from rlvision.core.devices import numerics_info as numerics_info
    from rlvision.core.devices import one_thread as one_thread
    from rlvision.core.devices import resolve_device as resolve_device
    from rlvision.core.errors import CheckpointError as CheckpointError
    from rlvision.core.errors import ConfigError as ConfigError
    from rlvision.core.errors import DivergedError as DivergedError
    from rlvision.core.errors import EnvCrashError as EnvCrashError
    from rlvision.core.errors import EnvError as EnvError
    from rlvision.core.errors import MemoryBudgetError as MemoryBudgetError
    from rlvision.core.errors import MissingExtraError as MissingExtraError
    from rlvision.core.errors import RLVisionError as RLVisionError
    from rlvision.core.errors import describe_value as describe_value
    from rlvision.core.errors import how_to_find as how_to_find
    from rlvision.core.files import PART as PART
    from rlvision.core.files import NewFile as NewFile
    from rlvision.core.files import open_to_append as open_to_append
    from rlvision.core.files import open_to_read as open_to_read
    from rlvision.core.files import path_exists as path_exists
    from rlvision.core.files import read_bytes as read_bytes
    from rlvision.core.files import read_tail as read_tail
    from rlvision.core.files import read_text as read_text
    from rlvision.core.files import warn_on_os_error as warn_on_os_error
    from rlvision.core.files import write_atomically as write_atomically
    from rlvision.core.folders import irregular as irregular
    from rlvision.core.folders import list_folder as list_folder
    from rlvision.core.folders import make_folder as make_folder
    from rlvision.core.folders import make_temporary_folder as make_temporary_folder
    from rlvision.core.folders import new_folder as new_folder
    from rlvision.core.folders import remove_leftovers as remove_leftovers
    from rlvision.core.folders import require_folders as require_folders
    from rlvision.core.imports import did_you_mean as did_you_mean
    from rlvision.core.imports import public_names as public_names
    from rlvision.core.locks import folder_lock as folder_lock
    from rlvision.core.locks import is_locked as is_locked
    from rlvision.core.memory import available_bytes as available_bytes
    from rlvision.core.memory import check_budget as check_budget
    from rlvision.core.memory import explain_oom as explain_oom
    from rlvision.core.memory import keep_freed_memory as keep_freed_memory
    from rlvision.core.memory import resident_bytes as resident_bytes
    from rlvision.core.memory import return_freed_memory as return_freed_memory
    from rlvision.core.memory import to_device as to_device
    from rlvision.core.notebook import SECONDS as SECONDS
    from rlvision.core.notebook import LiveOutput as LiveOutput
    from rlvision.core.notebook import display_html as display_html
    from rlvision.core.notebook import draw_bar as draw_bar
    from rlvision.core.notebook import draw_row as draw_row
    from rlvision.core.notebook import in_notebook as in_notebook
    from rlvision.core.object_names import name_object as name_object
    from rlvision.core.object_names import own_name as own_name
    from rlvision.core.paths import AnyPath as AnyPath
    from rlvision.core.paths import as_path as as_path
    from rlvision.core.paths import is_installed as is_installed
    from rlvision.core.progress import RESTORING_GAMES as RESTORING_GAMES
    from rlvision.core.progress import GameCount as GameCount
    from rlvision.core.progress import count_games as count_games
    from rlvision.core.progress import open_bar as open_bar
    from rlvision.core.progress import report_interruption as report_interruption
    from rlvision.core.progress import show_steps as show_steps
    from rlvision.core.ranges import BatchSize as BatchSize
    from rlvision.core.ranges import CorrectionLimit as CorrectionLimit
    from rlvision.core.ranges import DecayRate as DecayRate
    from rlvision.core.ranges import DropProbability as DropProbability
    from rlvision.core.ranges import EnvCount as EnvCount
    from rlvision.core.ranges import FrameCount as FrameCount
    from rlvision.core.ranges import FramesPerStep as FramesPerStep
    from rlvision.core.ranges import LayerWidth as LayerWidth
    from rlvision.core.ranges import NonEmptyStr as NonEmptyStr
    from rlvision.core.ranges import NonNegativeFloat as NonNegativeFloat
    from rlvision.core.ranges import NonNegativeInt as NonNegativeInt
    from rlvision.core.ranges import NoopCount as NoopCount
    from rlvision.core.ranges import Pixels as Pixels
    from rlvision.core.ranges import PositiveFloat as PositiveFloat
    from rlvision.core.ranges import PositiveInt as PositiveInt
    from rlvision.core.ranges import Probability as Probability
    from rlvision.core.ranges import QuantileCount as QuantileCount
    from rlvision.core.ranges import ReplayRatio as ReplayRatio
    from rlvision.core.ranges import Seed as Seed
    from rlvision.core.ranges import ThreadCount as ThreadCount
    from rlvision.core.ranges import UnitInterval as UnitInterval
    from rlvision.core.ranges import UpdateWeight as UpdateWeight
    from rlvision.core.ranges import ZetaExponent as ZetaExponent
    from rlvision.core.seeding import derive as derive
    from rlvision.core.seeding import generator as generator
    from rlvision.core.seeding import random_state as random_state
    from rlvision.core.seeding import set_random_state as set_random_state
    from rlvision.core.signals import INTERRUPTED as INTERRUPTED
    from rlvision.core.signals import ExitNow as ExitNow
    from rlvision.core.signals import SignalHandler as SignalHandler
    from rlvision.core.signals import StopReason as StopReason
    from rlvision.core.signals import interrupt_program as interrupt_program
    from rlvision.core.signals import interruption as interruption
    from rlvision.core.types import ALL as ALL
    from rlvision.core.types import Batch as Batch
    from rlvision.core.types import BoolArray as BoolArray
    from rlvision.core.types import EnvSpec as EnvSpec
    from rlvision.core.types import EnvStep as EnvStep
    from rlvision.core.types import Episode as Episode
    from rlvision.core.types import FloatArray as FloatArray
    from rlvision.core.types import IntArray as IntArray
    from rlvision.core.types import Memory as Memory
    from rlvision.core.types import Policy as Policy
    from rlvision.core.types import Progress as Progress
    from rlvision.core.types import QFunction as QFunction
    from rlvision.core.types import QOutput as QOutput
    from rlvision.core.types import RewardTransform as RewardTransform
    from rlvision.core.types import Rows as Rows
    from rlvision.core.types import Schedule as Schedule
    from rlvision.core.types import State as State
    from rlvision.core.types import Stateful as Stateful
    from rlvision.core.types import Tracker as Tracker
    from rlvision.core.types import TrainingPolicy as TrainingPolicy
    from rlvision.core.types import Transition as Transition
    from rlvision.core.types import UInt8Array as UInt8Array
    from rlvision.core.types import Update as Update
    from rlvision.core.types import VectorEnv as VectorEnv
    from rlvision.core.user_code import HERE as HERE
    from rlvision.core.user_code import MAIN as MAIN
    from rlvision.core.user_code import find_attribute as find_attribute
    from rlvision.core.user_code import home_of as home_of
    from rlvision.core.user_code import import_object as import_object
    from rlvision.core.user_code import import_user_module as import_user_module
    from rlvision.core.user_code import is_here as is_here
    from rlvision.core.user_code import keep_object as keep_object
    from rlvision.core.user_code import kept_object as kept_object
    from rlvision.core.user_code import refuse_while_imported as refuse_while_imported
    from rlvision.core.wording import as_written as as_written
    from rlvision.core.wording import in_shell as in_shell
    from rlvision.core.wording import is_shell as is_shell
    from rlvision.core.wording import shown as shown
    from rlvision.core.wording import title_of as title_of
    from rlvision.core.wording import where as where

__getattr__, __all__ = public_names(
    __name__,
    {
        "action_masks": [
            "ILLEGAL",
            "MaskedStep",
            "MaskedTransition",
            "act_legally",
            "are_legal",
            "greedy_actions",
            "legal_values",
            "mask_in",
            "mask_of",
            "random_actions",
            "replace_illegal",
            "with_mask",
            "with_masks",
            "with_masks_of_rows",
        ],
        "agent": ["Agent", "require_masks"],
        "append_log": ["AppendLog"],
        "child_path": ["forget_safe_path", "safe_path"],
        "devices": ["Autocast", "determinism", "make_autocast", "numerics_info", "one_thread", "resolve_device"],
        "errors": [
            "CheckpointError",
            "ConfigError",
            "DivergedError",
            "EnvCrashError",
            "EnvError",
            "MemoryBudgetError",
            "MissingExtraError",
            "RLVisionError",
            "describe_value",
            "how_to_find",
        ],
        "files": [
            "NewFile",
            "PART",
            "open_to_append",
            "open_to_read",
            "path_exists",
            "read_bytes",
            "read_tail",
            "read_text",
            "warn_on_os_error",
            "write_atomically",
        ],
        "folders": [
            "irregular",
            "list_folder",
            "make_folder",
            "make_temporary_folder",
            "new_folder",
            "remove_leftovers",
            "require_folders",
        ],
        "imports": ["did_you_mean", "public_names"],
        "locks": ["folder_lock", "is_locked"],
        "memory": [
            "available_bytes",
            "check_budget",
            "explain_oom",
            "keep_freed_memory",
            "resident_bytes",
            "return_freed_memory",
            "to_device",
        ],
        "notebook": ["LiveOutput", "SECONDS", "display_html", "draw_bar", "draw_row", "in_notebook"],
        "object_names": ["name_object", "own_name"],
        "paths": ["AnyPath", "as_path", "is_installed"],
        "progress": ["RESTORING_GAMES", "GameCount", "count_games", "open_bar", "report_interruption", "show_steps"],
        "ranges": [
            "BatchSize",
            "CorrectionLimit",
            "DecayRate",
            "DropProbability",
            "EnvCount",
            "FrameCount",
            "FramesPerStep",
            "LayerWidth",
            "NonEmptyStr",
            "NonNegativeFloat",
            "NonNegativeInt",
            "NoopCount",
            "Pixels",
            "PositiveFloat",
            "PositiveInt",
            "Probability",
            "QuantileCount",
            "ReplayRatio",
            "Seed",
            "ThreadCount",
            "UnitInterval",
            "UpdateWeight",
            "ZetaExponent",
        ],
        "seeding": ["derive", "generator", "random_state", "set_random_state"],
        "signals": ["ExitNow", "INTERRUPTED", "SignalHandler", "StopReason", "interrupt_program", "interruption"],
        "types": [
            "ALL",
            "Batch",
            "BoolArray",
            "EnvSpec",
            "EnvStep",
            "Episode",
            "FloatArray",
            "IntArray",
            "Memory",
            "Policy",
            "Progress",
            "QFunction",
            "QOutput",
            "RewardTransform",
            "Rows",
            "Schedule",
            "State",
            "Stateful",
            "Tracker",
            "TrainingPolicy",
            "Transition",
            "UInt8Array",
            "Update",
            "VectorEnv",
        ],
        "user_code": [
            "HERE",
            "MAIN",
            "find_attribute",
            "home_of",
            "import_object",
            "import_user_module",
            "is_here",
            "keep_object",
            "kept_object",
            "refuse_while_imported",
        ],
        "wording": ["as_written", "in_shell", "is_shell", "shown", "title_of", "where"],
    },
)

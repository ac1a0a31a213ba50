"""Runs: a run from settings to folder, checkpoints, media, memory, exports."""

from typing import TYPE_CHECKING

from rlvision.core.imports import public_names

if TYPE_CHECKING:
    from rlvision.runs.eval_protocol import EvalOptions as EvalOptions
    from rlvision.runs.eval_protocol import eval_conditions as eval_conditions
    from rlvision.runs.eval_protocol import make_limits as make_limits
    from rlvision.runs.eval_protocol import with_protocol as with_protocol
    from rlvision.runs.export_folder import ExportFolder as ExportFolder
    from rlvision.runs.export_manifest import Manifest as Manifest
    from rlvision.runs.export_manifest import exported_settings as exported_settings
    from rlvision.runs.find import find_agent as find_agent
    from rlvision.runs.find import find_run as find_run
    from rlvision.runs.find import stored_settings as stored_settings
    from rlvision.runs.loading import load as load
    from rlvision.runs.own_code import imported_settings as imported_settings
    from rlvision.runs.own_code import strange_imports as strange_imports
    from rlvision.runs.pixel_envs import make_env as make_env
    from rlvision.runs.reservation import reserved as reserved
    from rlvision.runs.run import Run as Run
    from rlvision.runs.run_folder import RunFolder as RunFolder
    from rlvision.runs.training import resume as resume
    from rlvision.runs.training import train as train
    from rlvision.runs.world_check import WorldReport as WorldReport
    from rlvision.runs.world_check import check_world as check_world

__getattr__, __all__ = public_names(
    __name__,
    {
        "eval_protocol": ["EvalOptions", "eval_conditions", "make_limits", "with_protocol"],
        "export_folder": ["ExportFolder"],
        "export_manifest": ["Manifest", "exported_settings"],
        "find": ["find_agent", "find_run", "stored_settings"],
        "loading": ["load"],
        "own_code": ["imported_settings", "strange_imports"],
        "pixel_envs": ["make_env"],
        "reservation": ["reserved"],
        "run": ["Run"],
        "run_folder": ["RunFolder"],
        "training": ["resume", "train"],
        "world_check": ["WorldReport", "check_world"],
    },
)

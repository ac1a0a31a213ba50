"""W&B's own environment variables: they win over our defaults, and a setting of the user wins over them.

=================  ====================  =====================
variable           setting               our default
=================  ====================  =====================
WANDB_PROJECT      tracking.project      rlvision
WANDB_NAME         tracking.name         name of the run folder
WANDB_JOB_TYPE     tracking.job_type     train
WANDB_ENTITY       tracking.entity       W&B's
WANDB_RUN_GROUP    tracking.group        W&B's
WANDB_TAGS         tracking.tags         none
WANDB_NOTES        tracking.notes        none
WANDB_MODE         wandb                 auto
=================  ====================  =====================
"""

import os
from collections.abc import Mapping

from rlvision.core.paths import AnyPath, as_path
from rlvision.tracking.settings import TrackingSettings

VARIABLES = {
    "project": "WANDB_PROJECT",
    "name": "WANDB_NAME",
    "job_type": "WANDB_JOB_TYPE",
    "entity": "WANDB_ENTITY",
    "group": "WANDB_RUN_GROUP",
    "tags": "WANDB_TAGS",
    "notes": "WANDB_NOTES",
}
"""Argument of ``wandb.init`` -> the variable that sets it."""


def describe_run(settings: TrackingSettings, folder: AnyPath) -> Mapping[str, object]:
    """Return the arguments of ``wandb.init`` that describe a run: the setting, else the variable, else our default."""
    defaults = {"project": "rlvision", "name": as_path(folder).name, "job_type": "train"}
    return {name: getattr(settings, name) or _variable(name) or defaults.get(name) for name in VARIABLES}


def spell_mode() -> None:
    """Write the value of WANDB_MODE as W&B spells it, in small letters; W&B refuses OFFLINE and Disabled."""
    if mode := os.environ.get("WANDB_MODE"):
        os.environ["WANDB_MODE"] = mode.strip().lower()


def _variable(argument: str) -> object:
    text = os.environ.get(VARIABLES[argument], "").strip()
    if argument == "tags":
        return tuple(tag.strip() for tag in text.split(",") if tag.strip())
    return text

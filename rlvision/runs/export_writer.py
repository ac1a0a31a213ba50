"""Write an export, complete or not at all, with a card for people."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from rlvision.config.fields import nest
from rlvision.config.loading import flatten_used
from rlvision.config.schema import Config
from rlvision.core.errors import ConfigError
from rlvision.core.files import path_exists, write_atomically
from rlvision.core.folders import make_temporary_folder, new_folder
from rlvision.core.types import EnvSpec
from rlvision.core.wording import as_written
from rlvision.evaluation.report import Report
from rlvision.nn.qnetwork import QNetwork
from rlvision.runs import export_folder
from rlvision.runs.eval_protocol import eval_conditions
from rlvision.runs.export_folder import CARD, MODEL, digest, export_layout, export_state_dict
from rlvision.runs.export_manifest import MANIFEST, Manifest
from rlvision.runs.history import versions
from rlvision.runs.own_code import imported_settings

TRAINING = ("env.num_envs", "replay.", "agent.", "optimiser.", "exploration.")
"""Settings of the training that an export records; a trailing dot stands for a group."""


def check_new_folder(out: Path) -> None:
    """Refuse a path where no new folder can be written, before any games are played.

    Raises:
        ConfigError: something is there already, or the folder cannot be written.
    """
    if path_exists(out) and (out.is_symlink() or not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"expected a new folder in {as_written('out')}, got {out}, which is there: name another")
    try:
        make_temporary_folder(out).rmdir()
    except OSError as error:
        raise ConfigError(
            f"expected a folder to write in {as_written('out')}, got {out}: {error.strerror}; name another"
        ) from error


def write_export(
    out: Path,
    place: str,
    *,
    config: Config,
    played: Config,
    spec: EnvSpec,
    env_steps: int,
    network: QNetwork,
    reports: Sequence[Report],
) -> None:
    """Write an export to a new folder.

    Args:
        out: the folder; not there yet, or empty.
        place: path of the export in the card's commands.
        config: of the run.
        played: the settings that make its network for play (`rlvision.runs.builders.playing_config`).
        spec: of its environments.
        env_steps: decisions that the weights were trained for.
        network: the weights, of a network without quantiles.
        reports: evaluations of exactly these weights.

    Raises:
        ConfigError: the folder cannot be written.
    """
    check_new_folder(out)
    layout = export_layout(network)
    weights = export_folder.to_bytes(export_state_dict(network, layout))
    manifest = Manifest(
        config=played,
        spec=spec,
        sha256=digest(weights),
        layout=layout,
        env_steps=env_steps,
        training=_training(config, env_steps * spec.frameskip),
        scores=tuple(report.to_dict() for report in reports),
        versions=versions(),
    )
    text = card(place, manifest, reports)
    _write_folder(out, {MODEL: weights, MANIFEST: manifest.to_json(), CARD: text.encode()})


def _training(config: Config, frames: int) -> dict[str, object]:
    settings = {name: value for name, value in flatten_used(config).items() if name.startswith(TRAINING)}
    return {"seed": config.seed, "frames": frames, **nest(settings)}


def _write_folder(out: Path, files: dict[str, bytes]) -> None:
    """Write the files to a temporary folder, then rename it."""
    try:
        with new_folder(out) as part:
            for name, content in files.items():
                write_atomically(part / name, content)
    except OSError as error:
        raise ConfigError(
            f"expected to write {out}, got {error.strerror}: free some space, or "
            f"set {as_written('out')} to another folder"
        ) from error


_USE = Template("""\
## Use it

Where rlvision is installed:

```bash
rlvision watch $place$flag
rlvision evaluate $place$flag
```

```python
import rlvision

run = rlvision.load("$place"$argument)
env = run.make_env()
observation, info = env.reset(seed=0)  # [$channels, $height, $width] uint8
action = run.act(observation)  # greedy; N actions for N observations
```
""")

_PLAIN = Template("""\
## In plain PyTorch

The weights load into this class, without rlvision:

```python
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class DN(nn.Module):
    def __init__(self, h, w, outputs, in_channels=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, kernel_size=5, stride=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5, stride=2)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, kernel_size=5, stride=2)
        self.bn3 = nn.BatchNorm2d(32)

        def conv2d_size_out(size, kernel_size=5, stride=2):
            return (size - (kernel_size - 1) - 1) // stride + 1

        convw = conv2d_size_out(conv2d_size_out(conv2d_size_out(w)))
        convh = conv2d_size_out(conv2d_size_out(conv2d_size_out(h)))
        self.head = nn.Linear(convw * convh * 32, outputs)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        return self.head(x.view(x.size(0), -1))


network = DN($height, $width, outputs=$actions, in_channels=$channels).eval()
network.load_state_dict(load_file("model.safetensors"))
observation = torch.zeros(1, $channels, $height, $width, dtype=torch.uint8)  # the newest frame last
with torch.no_grad():
    q_values = network(observation / 255)  # [1, $actions]
```
""")


def card(place: str, manifest: Manifest, reports: Sequence[Report]) -> str:
    """Return the text of the card in Markdown.

    Args:
        place: path of the export in the commands.
        manifest: of the export.
        reports: evaluations of exactly these weights.
    """
    spec = manifest.spec
    channels, height, width = spec.observation_shape
    numbers = {"channels": channels, "height": height, "width": width, "actions": spec.num_actions}
    flag, argument = (" --trust-imports", ", trust_imports=True") if imported_settings(manifest.config) else ("", "")
    use = _USE.substitute(numbers, place=place, flag=flag, argument=argument)
    parts = [_summary(manifest), _scores(place + flag, reports), use]
    if manifest.layout == "chapter":
        parts.append(_PLAIN.substitute(numbers))
    return "\n".join(parts)


def _summary(manifest: Manifest) -> str:
    config, spec, training = manifest.config, manifest.spec, manifest.training
    env, network, (_, height, width) = config.env, config.network, spec.observation_shape
    frames = "gray frames" if env.gray else "frames in colour"
    crop = f", cropped to rows and columns {list(env.crop)} of the screen" if env.crop else ""
    kind = f"{network.encoder} ({network.norm})" if network.is_chapters else network.encoder
    rows = {
        "game": eval_conditions(config, 0.0, 0).game,
        "network": kind,
        "sees": f"{spec.stack} {frames} of {height} x {width}{crop}; a decision lasts {spec.frameskip} frames",
        "actions": ", ".join(spec.action_meanings),
        "trained": f"{manifest.env_steps:,} decisions ({training['frames']:,} frames), seed {training['seed']}",
        "made by": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    title = f"# {rows['game']}, played by {kind}\n"
    return "\n".join([title, "| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items())]) + "\n"


def _scores(place: str, reports: Sequence[Report]) -> str:
    if not reports:
        return f"## Score\n\nNot measured yet. `rlvision evaluate {place}` measures it.\n"
    rows = [report.rows() for report in reports]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = [f"| {name} | {' | '.join(row.get(name, '') for row in rows)} |" for name in names]
    lines = [
        "## Score\n",
        "Raw scores of whole games, regardless of lives and reward clipping in training. The interval is a bootstrap",
        "over the games. Exactly these weights played them. The scores do not show how training with another seed",
        "would do. To play the games again:\n",
        "```bash",
        *(_command(place, report) for report in reports),
        "```\n",
        f"| |{' |' * len(rows)}",
        f"|{'---|' * (len(rows) + 1)}",
        *table,
    ]
    return "\n".join(lines) + "\n"


def _command(place: str, report: Report) -> str:
    about, evaluation = report.conditions, report.evaluation
    protocol = f" --protocol={about.protocol.split()[0]}" if about.protocol else ""
    games = f" --games={len(evaluation.episodes)}"
    return f"rlvision evaluate {place}{games}{protocol} --epsilon={about.epsilon:g} --seed={about.seed}"

"""The memory that a run of a preset announces, and the most that it and its processes use."""

import re
import subprocess
import sys
import tempfile
import time
from typing import Any

from measure.processes import resident_of_tree

SETTINGS = {
    "quick": ("--checkpoint-every=8000",),
    "pong-dqn": (  # with few updates, 100,000 transitions take only minutes
        "--env-steps=110000",
        "--replay.samples-per-env-step=0.05",
        "--evaluate-every=100000",
        "--evaluation.games=5",
        "--evaluation.max-frames=4000",
    ),
}
ANNOUNCED = re.compile(r"^needs about ([\d.]+) GB", re.MULTILINE)


def announced_and_real(preset: str, *settings: str) -> dict[str, Any]:
    """Train, read the memory twenty times a second, and return announced and largest memory."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        command = [
            sys.executable,
            "-m",
            "rlvision",
            "train",
            preset,
            *SETTINGS[preset],
            *settings,
            f"--out={folder}/run",
        ]
        process, peak = subprocess.Popen(command, stdout=output), 0
        while process.poll() is None:
            peak = max(peak, resident_of_tree(process.pid))
            time.sleep(0.05)
        output.seek(0)
        said = output.read()
    line = next(line for line in said.splitlines() if line.startswith("needs about"))
    announced = 1e9 * float(ANNOUNCED.findall(said)[0])
    return {"said": line, "announced": announced, "peak": peak, "peak_over_announced": peak / announced}

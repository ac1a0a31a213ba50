"""In place of ``rlvision train``: rows, a line of history, and what the file ``orders`` beside its folder says."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from rlvision.cli.exit_with_parent import exit_with_parent

given = dict(word[2:].split("=", 1) for word in sys.argv if word.startswith("--"))
folder, n_step = Path(given["out"]), int(given["agent.n_step"])
orders = (folder.parent / "orders").read_text() if (folder.parent / "orders").exists() else ""
with (folder.parent / "calls").open("a") as calls:
    calls.write(f"{folder.name} {given['threads']} {os.environ['OMP_NUM_THREADS']}\n")


def end(why: str) -> None:
    (folder / "history.jsonl").write_text(json.dumps({"ended": why}) + "\n")


def leave(*_: object) -> None:
    end("interrupted by SIGTERM; the same command continues")
    sys.stdout.write("saved\n")
    sys.exit(0)


exit_with_parent()
signal.signal(signal.SIGTERM, leave)
signal.signal(signal.SIGINT, leave)
rows = [{"env_steps": 200, "evaluate/mean": 10.0 * n_step}, {"env_steps": 400, "evaluate/mean": 9.0 * n_step}]
(folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
if f"fail {n_step}" in orders:
    sys.stdout.write("rlvision: expected a working machine, got none\n")
    sys.exit(2)
while f"wait {n_step}" in orders:
    time.sleep(0.01)
end("all 400 env steps are done")

"""A Python that has imported torch and its like, and forks for every program that it is asked to run.

It reads requests and writes exit statuses, a line of JSON each. A program finds what a fresh interpreter would give it:
its arguments, working directory, environment and import path. It has imported nothing of rlvision.
"""

import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2  # noqa: F401
import gymnasium  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import torch._dynamo  # noqa: F401 - an optimiser imports it, which takes as long as torch itself


def fork_and_run(request: dict[str, Any]) -> int:
    """Run a program to its end in a fork; its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = run(**request)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(arguments: list[str], cwd: str, env: dict[str, str], stdout: str, stderr: str) -> int:
    """Run ``[script, *arguments]`` or ``["-c", code, *arguments]``; its exit status."""
    for number, path in ((0, os.devnull), (1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    code = arguments.pop(1) if arguments[0] == "-c" else None
    first = "" if code is not None else str(Path(arguments[0]).resolve().parent)
    sys.path[:] = [first, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *sys.path[1:]]
    sys.argv = arguments
    try:
        if code is None:
            runpy.run_path(arguments[0], run_name="__main__")
        else:
            main = sys.modules["__main__"] = ModuleType("__main__")
            exec(code, main.__dict__)  # noqa: S102 - a test's own
    except SystemExit as error:
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - the tests wait for it
    for line in sys.stdin:
        print(fork_and_run(json.loads(line)), flush=True)  # noqa: T201 - the answer

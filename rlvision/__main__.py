"""``python -m rlvision`` is ``rlvision``."""

import sys
from pathlib import Path

if sys.path[0] == str(Path.cwd()):  # as -m puts it there; the command line adds it last, so that it hides nothing
    del sys.path[0]

from rlvision.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

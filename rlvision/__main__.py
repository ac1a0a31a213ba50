"""``python -m rlvision`` is ``rlvision``."""

import sys

from rlvision.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

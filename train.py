"""Run ``rlvision train`` as a script: ``python train.py pong --seed=2``."""

import sys

from rlvision.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))

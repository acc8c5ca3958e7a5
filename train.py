"""`python train.py ...` in the repository: the command `lab.commands.train`. `--help` says how."""

import sys

from lab.commands.train import main

if __name__ == "__main__":
    sys.exit(main())

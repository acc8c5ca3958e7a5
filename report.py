"""`python report.py ...` in the repository: the command `lab.commands.report`. `--help` says how."""

import sys

from lab.commands.report import main

if __name__ == "__main__":
    sys.exit(main())

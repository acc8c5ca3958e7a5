"""`python export.py ...` in the repository: the command `lab.commands.export`. `--help` says how."""

import sys

from lab.commands.export import main

if __name__ == "__main__":
    sys.exit(main())

"""`python serve.py ...` in the repository: the command `lab.commands.serve`. `--help` says how."""

import sys

from lab.commands.serve import main

if __name__ == "__main__":
    sys.exit(main())

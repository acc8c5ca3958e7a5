"""`python predict.py ...` in the repository: the command `lab.commands.predict`. `--help` says how."""

import sys

from lab.commands.predict import main

if __name__ == "__main__":
    sys.exit(main())

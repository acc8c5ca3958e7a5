"""`python -m lab train ...` and the other commands by name, for where no script is on the PATH.

A command is imported when it is chosen, so that a report does not wait for what only training needs.
"""

import sys
from importlib import import_module

from lab.core.errors import EXIT_DONE, EXIT_REQUEST, Mistake, in_a_block, nearest
from lab.core.terminal import display

PROGRAM = "python -m lab"
COMMANDS = {
    "train": "train one run, every job of a grid, or a study",
    "predict": "give a trained model new rows",
    "export": "make a folder of a run that other machines and programs use",
    "serve": "serve a trained model over HTTP",
    "report": "compare runs and write a report",
    "new": "make a project of your own: plug-in, recipe, test, CI",
}
"""What each module of `lab.commands` does, in a few words."""


def main() -> int:
    """Run the command that `sys.argv` names; return its exit code."""
    name, words = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
    if name in ("-h", "--help"):
        display.Screen().write(f"{usage()}\n")
        return EXIT_DONE
    if name not in COMMANDS:
        display.complain(in_a_block([_no_command(name)]))
        return EXIT_REQUEST
    sys.argv = [f"{PROGRAM} {name}", *words]
    code: int = import_module(f"lab.commands.{name}").main()
    return code


def usage() -> str:
    """What `--help` prints."""
    width = max(map(len, COMMANDS))
    lines = [
        f"  {PROGRAM} {name:{width}} {'FOLDER         ' if name == 'new' else '[key=value ...]'}   {words}"
        for name, words in COMMANDS.items()
    ]
    return "\n".join([*lines, "", f"{PROGRAM} COMMAND --help lists what a command takes."])


def _no_command(name: str) -> Mistake:
    known = ", ".join(COMMANDS)
    problem = f"{name!r} is no command; there are {known}" if name else f"there is no command; type one of {known}"
    return Mistake("", problem, f"{PROGRAM} {nearest(name, COMMANDS) or next(iter(COMMANDS))}")


if __name__ == "__main__":
    sys.exit(main())

"""Writes generated film reviews with a sentiment, for the recipe "Hyperparameters of a sentiment model".

    python examples/recipes/reviews.py [FILE] [ROWS]

`reviews.csv`: the columns text and label (pos, neg). A review has three to five statements, one in seven against its
label; one in three says it by negation ("not a dull plot"), so that single words mislead. One label in 25 is wrong.
"""

import csv
import random
import sys
from pathlib import Path

GOOD = ("great", "moving", "clever", "funny", "superb")
BAD = ("awful", "dull", "clumsy", "silly", "boring")
THINGS = ("acting", "plot", "music", "ending", "dialogue", "camera work", "first hour", "second half", "lead", "script")
PLAIN = ("the {thing} was {word}", "a {word} {thing}", "I found the {thing} {word}", "{word} {thing} from start to end")
NEGATED = ("the {thing} was not {word} at all", "hardly a {word} {thing}", "nobody could call the {thing} {word}",
           "I feared a {word} {thing} and was wrong")  # fmt: skip
START = ("Saw it on Friday.", "My second time.", "With friends.", "Late show.", "On a plane.", "")


def review(dice: random.Random, positive: bool) -> str:
    statements = []
    for thing in dice.sample(THINGS, dice.randint(3, 5)):
        meant = positive if dice.random() < 0.85 else not positive
        negated = dice.random() < 0.33
        word = dice.choice(GOOD if meant != negated else BAD)
        statements.append(dice.choice(NEGATED if negated else PLAIN).format(thing=thing, word=word))
    return f"{dice.choice(START)} {', '.join(statements)}.".strip()


def main() -> None:
    path, rows = sys.argv[1] if len(sys.argv) > 1 else "reviews.csv", int(sys.argv[2]) if len(sys.argv) > 2 else 2400
    dice = random.Random(3)
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for _ in range(rows):
            positive = dice.random() < 0.5
            label = positive if dice.random() > 0.04 else not positive
            table.writerow([review(dice, positive), "pos" if label else "neg"])
    print(f"{path}: {rows} rows")


if __name__ == "__main__":
    main()

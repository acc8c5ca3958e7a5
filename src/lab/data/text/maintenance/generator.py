"""Seeded generator of Spanish maintenance reports that knows each label's probability: the default data set.

A row has a plan (latent slots, all expressed in the text), label probabilities that are exact functions of the plan,
labels drawn from them, and a text rendered from the plan. So argmax P(label | plan) is the Bayes rule and its scores
are known per row. Draws are vectorised in chunks of fixed size with a random stream each: the first rows do not depend
on the number of rows. Cost: about 10 microseconds and 500 bytes per row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab.core.errors import Mistake, RequestError
from lab.data import maintenance_phrases as words
from lab.data.text.maintenance import label_probabilities
from lab.data.text.maintenance.rendering import Draw, Ints, pick, render

CHUNK = 4096


@dataclass(frozen=True)
class Reports:
    """Texts with labels and the probabilities from which the labels were drawn.

    texts: `rows` reports of 4 to 60 words. classes: class names of each head (modo, causa, prioridad). labels: (rows,)
    indices into `classes` per head. probabilities: (rows, classes) per head, P(label | plan), each row sums to 1.
    """

    texts: list[str]
    classes: dict[str, tuple[str, ...]]
    labels: dict[str, npt.NDArray[np.int64]]
    probabilities: dict[str, npt.NDArray[np.float32]]


def generate(rows: int, seed: int, difficulty: float = 0.5) -> Reports:
    """Return `rows` reports. The same arguments give the same reports; with more rows the first ones stay the same.

    difficulty: in [0, 1], how often labels differ from their likeliest class and how noisy the spelling is.
    Raises RequestError for rows < 1, a negative seed or a difficulty outside [0, 1].
    """
    mistakes = _mistakes(rows, seed, difficulty)
    if mistakes:
        raise RequestError(mistakes)
    tables = {
        "modo": label_probabilities.mode_table(difficulty),
        "causa": label_probabilities.cause_table(difficulty),
        "prioridad": label_probabilities.priority_table(difficulty),
    }
    texts: list[str] = []
    labels: dict[str, list[Ints]] = {head: [] for head in tables}
    probabilities: dict[str, list[npt.NDArray[np.float32]]] = {head: [] for head in tables}
    for start in range(0, rows, CHUNK):
        draw = _stream(seed, start // CHUNK, min(CHUNK, rows - start))
        plan = _draw_plan(draw)
        cells = {
            "modo": (plan["symptom"], plan["group"]),
            "causa": (plan["symptom"], plan["context"]),
            "prioridad": (plan["effect"], plan["spare"], plan["recurrence"]),
        }
        for head, table in tables.items():
            chances = table[cells[head]]
            labels[head].append(pick(chances, draw()))
            probabilities[head].append(chances.astype(np.float32))
        texts.extend(render(plan, draw, difficulty))
    return Reports(
        texts,
        {
            "modo": tuple(f"{code} {name}" for code, name in label_probabilities.MODES.items()),
            "causa": tuple(f"{code} {name}" for code, name in label_probabilities.CAUSES.items()),
            "prioridad": label_probabilities.PRIORITIES,
        },
        {head: np.concatenate(parts) for head, parts in labels.items()},
        {head: np.concatenate(parts) for head, parts in probabilities.items()},
    )


def plans(rows: int, seed: int) -> dict[str, Ints]:
    """Return the plans of `generate(rows, seed)`: for each slot, the number of its value in each row, (rows,)."""
    parts = [_draw_plan(_stream(seed, start // CHUNK, min(CHUNK, rows - start))) for start in range(0, rows, CHUNK)]
    return {slot: np.concatenate([part[slot] for part in parts]) for slot in parts[0]}


def _mistakes(rows: int, seed: int, difficulty: float) -> list[Mistake]:
    mistakes = []
    if rows < 1:
        mistakes.append(Mistake("data.num_rows", "must be at least 1", "data.num_rows=12000", rows))
    if seed < 0:
        mistakes.append(Mistake("data.generator_seed", "must not be negative", "data.generator_seed=0", seed))
    if not 0 <= difficulty <= 1:
        mistakes.append(Mistake("data.difficulty", "must be between 0 and 1", "data.difficulty=0.5", difficulty))
    return mistakes


def _stream(seed: int, chunk: int, num: int) -> Draw:
    """Draws of a chunk: always CHUNK random numbers, of which the first `num` are used."""
    rng = np.random.default_rng([seed, chunk])
    return lambda: rng.random(CHUNK)[:num]


def _draw_plan(draw: Draw) -> dict[str, Ints]:
    """The plans of reports: for each slot, one index per row."""
    family = pick([family.weight for family in words.FAMILIES], draw())
    kind = np.array([family.kind for family in words.FAMILIES])[family]
    symptom = pick(np.array(words.SYMPTOM_WEIGHTS)[kind], draw())
    group = np.array([words.COMPONENT_GROUPS.index(part.group) for part in words.COMPONENTS])
    in_kind = np.array([part.weights for part in words.COMPONENTS]).T
    with_symptom = np.array([words.SYMPTOM_GROUP_WEIGHTS[name] for name in words.SYMPTOMS])[:, group]
    component = pick(in_kind[kind] * with_symptom[symptom], draw())
    return {
        "family": family,
        "symptom": symptom,
        "component": component,
        "group": group[component],
        "context": pick(np.array(words.CONTEXT_WEIGHTS)[kind], draw()),
        "effect": pick(words.EFFECT_WEIGHTS, draw()),
        "spare": pick(words.SPARE_WEIGHTS, draw()),
        "recurrence": pick(words.RECURRENCE_WEIGHTS, draw()),
    }

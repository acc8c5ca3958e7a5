"""Label tables of the maintenance reports: P(label | plan) for modo, causa and prioridad, ISO 14224 style.

modo follows from symptom x component group, prioridad from effect x spare x recurrence, causa from symptom family x
operating context, where pairs of causes swap between families, which no sum of word weights can express. `difficulty`
moves probability from a cell's main class to its runner-up and to the background. Heads are independent given the plan,
so each head's table is its exact marginal. The entries are guesses, not statistics.
"""

import numpy as np
import numpy.typing as npt

from lab.data.maintenance_phrases import COMPONENT_GROUPS, CONTEXTS, EFFECTS, RECURRENCES, SPARES, SYMPTOMS

Table = npt.NDArray[np.float64]

MODES: dict[str, str] = {
    "VIB": "vibracion",
    "NOI": "ruido",
    "OHE": "sobrecalentamiento",
    "ELP": "fuga externa de proceso",
    "ELU": "fuga externa de servicio",
    "LOO": "baja salida",
    "ERO": "salida erratica",
    "PDE": "desviacion de parametro",
    "FTS": "no arranca",
    "UST": "parada espuria",
    "BRD": "rotura",
    "AIR": "lectura anormal",
    "PLU": "obstruccion",
    "STD": "deficiencia estructural",
}
CAUSES: dict[str, str] = {
    "DES": "desgaste",
    "SOB": "sobrecarga",
    "MON": "montaje incorrecto",
    "LUB": "lubricacion deficiente",
    "ENS": "ensuciamiento",
    "AJU": "desajuste",
    "AIS": "perdida de aislamiento",
    "OPE": "error de operacion",
    "COR": "corrosion",
    "CON": "contaminacion",
    "ELE": "suministro electrico",
    "CAV": "cavitacion",
    "DSL": "desalineacion",
    "AFL": "aflojamiento",
    "FAT": "fatiga",
}
PRIORITIES: tuple[str, ...] = ("1 emergencia", "2 alta", "3 media", "4 baja")

# One row per symptom; columns in the order of COMPONENT_GROUPS: sealing drive power instrument auxiliary internal.
_MODES_BY_GROUP = {
    "vibration": "VIB VIB VIB AIR STD VIB",
    "noise": "NOI NOI NOI AIR STD BRD",
    "heat": "OHE OHE OHE AIR PDE OHE",
    "leak": "ELP ELU ELU ELP ELU ELP",
    "low_output": "LOO LOO LOO ERO PLU LOO",
    "pressure": "PDE PDE PDE ERO PLU PDE",
    "no_start": "FTS BRD FTS FTS FTS FTS",
    "trip": "UST BRD UST UST UST UST",
    "current": "OHE BRD OHE AIR OHE PDE",
    "reading": "AIR AIR ERO AIR AIR AIR",
    "stuck": "STD FTS FTS ERO PLU PLU",
}
# Symptoms have three families; one row per family, columns in the order of CONTEXTS:
# repair idle high_load low_load wet dirt product voltage overdue oil.
_FAMILY_OF = {
    **dict.fromkeys(("vibration", "noise", "stuck"), "mechanical"),
    **dict.fromkeys(("leak", "low_output", "pressure"), "process"),
    **dict.fromkeys(("heat", "no_start", "trip", "current", "reading"), "electrical"),
}
_CAUSES_BY_CONTEXT = {
    "mechanical": "DSL COR FAT CAV LUB CON CAV AFL DES MON",
    "process": "MON ENS DES CAV COR ENS OPE AJU FAT CON",
    "electrical": "AJU LUB SOB ELE COR AIS CON ELE AIS OPE",
}
# Centre of the priority, 0 emergencia .. 3 baja: one row per effect, one column per spare (ready, absent, unsaid).
_URGENCY = {
    "none": (3.0, 2.1, 3.0),
    "reduced": (2.1, 1.0, 2.0),
    "down": (2.0, 0.1, 1.0),
    "plant": (1.0, 0.0, 0.9),
    "hazard": (1.0, 0.0, 0.0),
    "unsaid": (3.0, 2.0, 2.9),
}
_RECURRENCE_SHIFT = {"repeated": -0.25, "first": 0.2, "unsaid": 0.0}


def mode_table(difficulty: float) -> Table:
    """Return P(modo | symptom, component group), shape (symptoms, groups, modes)."""
    cells = [_MODES_BY_GROUP[symptom].split() for symptom in SYMPTOMS]
    assert all(len(row) == len(COMPONENT_GROUPS) for row in cells)
    return _spread(cells, tuple(MODES), 0.25 * difficulty)


def cause_table(difficulty: float) -> Table:
    """Return P(causa | symptom, context), shape (symptoms, contexts, causes)."""
    cells = [_CAUSES_BY_CONTEXT[_FAMILY_OF[symptom]].split() for symptom in SYMPTOMS]
    assert all(len(row) == len(CONTEXTS) for row in cells)
    return _spread(cells, tuple(CAUSES), 0.02 + 0.32 * difficulty)


def priority_table(difficulty: float) -> Table:
    """Return P(prioridad | effect, spare, recurrence), shape (effects, spares, recurrences, 4): discrete bells."""
    assert all(len(row) == len(SPARES) for row in _URGENCY.values())
    urgency = np.array([_URGENCY[effect] for effect in EFFECTS])
    shift = np.array([_RECURRENCE_SHIFT[recurrence] for recurrence in RECURRENCES])
    steps = np.arange(len(PRIORITIES))
    centre = np.clip(urgency[:, :, None, None] + shift[:, None], steps[0], steps[-1])
    bell = np.exp(-0.5 * ((steps - centre) / (0.25 + 0.35 * difficulty)) ** 2)
    table: Table = bell / bell.sum(axis=-1, keepdims=True)
    return table


def _spread(cells: list[list[str]], codes: tuple[str, ...], doubt: float) -> Table:
    """Each cell's main class keeps about 1 - doubt; the rest goes to a runner-up (60 %) and to the background (40 %).

    The runner-up is the main class of the next cell in the same row; the background is the frequency of each class as a
    main class. Doubt varies between .6 and 1.4 of its mean from cell to cell in a fixed pattern, since some findings
    are clearer.
    """
    main = np.array([[codes.index(code) for code in row] for row in cells])
    identity = np.eye(len(codes))
    background = identity[main].mean(axis=(0, 1))
    position = np.add.outer(3 * np.arange(main.shape[0]), 2 * np.arange(main.shape[1]))
    doubts = (doubt * (0.6 + 0.2 * (position % 5)))[:, :, None]
    runner_up = identity[np.roll(main, -1, axis=1)]
    table: Table = (1 - doubts) * identity[main] + doubts * (0.6 * runner_up + 0.4 * background)
    return table

"""Seeded generator of Spanish shift reports with questions about them: question answering without a download.

A report tells of a piece of equipment, three in ten of two; each has a symptom, a part that was replaced, who did it,
when and for how long, in sentences of varied wording and order. A question names one piece of equipment and asks for
one of these. Where there are two, the same words about the other are the wrong answer: a small model from scratch does
not learn to tell them apart in a minute, so about .85 is what it can reach. Answers are stretches of the report by
construction. Cost: some 50 microseconds a report.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from lab.data.maintenance_phrases import COMPONENTS, FAMILIES, SYMPTOMS, UNITS
from lab.data.qa.question_rows import Gathered, Reading

_Choice = TypeVar("_Choice")
QUESTIONS_A_REPORT = 3
OF_TWO = 0.3
"""Share of the reports that tell of two pieces of equipment."""
FIRST_NAMES = (
    "Luis",
    "Marta",
    "Jorge",
    "Elena",
    "Pedro",
    "Lucía",
    "Andrés",
    "Sofía",
    "Raúl",
    "Carmen",
    "Diego",
    "Rosa",
)
LAST_NAMES = (
    "Rojas",
    "Díaz",
    "Quispe",
    "Vargas",
    "Núñez",
    "Torres",
    "Salas",
    "Mejía",
    "Ortiz",
    "Castro",
    "León",
    "Peña",
)
MONTHS = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
          "noviembre", "diciembre")  # fmt: skip
TELLINGS = (
    "El {date}, {equipment} presentó {symptom}. {person} cambió {part} y la parada duró {hours}.",
    "El {date} se detectó {symptom} en {equipment}; {person} reemplazó {part} en {hours}.",
    "En {equipment} se observó {symptom} el {date}. Tras {hours} de trabajo, {person} instaló {part} de repuesto.",
    "{person} atendió {equipment} el {date} por {symptom}: se sustituyó {part}, con {hours} fuera de servicio.",
    "Por {symptom}, {equipment} quedó detenida {hours} el {date}; se renovó {part} a cargo de {person}.",
)
"""What is told of one piece of equipment; every fact is said once."""
OPENINGS = ("Informe de turno.", "Resumen de la guardia.", "Novedades del área.", "Reporte de mantenimiento.")
CLOSINGS = ("Sin otra novedad.", "Se informa al supervisor.", "Queda en observación.", "Ver bitácora.")
ASKED = {
    "date": ("¿Cuándo falló {equipment}?", "¿En qué fecha se intervino {equipment}?", "¿Qué día falló {equipment}?"),
    "symptom": ("¿Qué presentó {equipment}?", "¿Qué síntoma tuvo {equipment}?", "¿Por qué se intervino {equipment}?"),
    "part": ("¿Qué pieza se cambió en {equipment}?", "¿Qué repuesto se puso en {equipment}?"),
    "person": ("¿Quién atendió {equipment}?", "¿Quién hizo el trabajo en {equipment}?"),
    "hours": ("¿Cuánto duró la parada de {equipment}?", "¿Cuánto tiempo estuvo detenida {equipment}?"),
}  # fmt: skip


def generate(num_contexts: int, seed: int) -> Reading:
    """`num_contexts` reports with three questions each; more of them keep the first ones."""
    gathered = Gathered()
    for number in range(num_contexts):
        random = np.random.default_rng([seed, number])
        facts = _facts(random)
        text, places = _told(facts, random)
        context = gathered.context(text, f"report {number}")
        asked = [(about, name) for about in range(len(facts)) for name in ASKED]
        for order, pick in enumerate(random.permutation(len(asked))[:QUESTIONS_A_REPORT].tolist()):
            about, name = asked[pick]
            question = _one(random, ASKED[name]).format(equipment=facts[about]["equipment"])
            gathered.ask(f"{number}-{order}", question, context, [(facts[about][name], places[about][name])])
    return gathered.reading()


def _facts(random: np.random.Generator) -> list[dict[str, str]]:
    """What is so of each piece of equipment in a report; no two share a tag, a part, a person or a date."""
    num = 1 + int(random.random() < OF_TWO)
    parts = random.permutation(len(COMPONENTS))[:num].tolist()
    days = random.permutation(28)[:num].tolist()
    first, last = random.permutation(len(FIRST_NAMES))[:num].tolist(), random.permutation(len(LAST_NAMES)).tolist()
    symptoms = random.permutation(len(SYMPTOMS))[:num].tolist()
    hours = (random.permutation(20)[:num] + 2).tolist()
    numbers = random.permutation(99)[:num].tolist()
    found = []
    for place in range(num):
        family = FAMILIES[int(random.integers(len(FAMILIES)))]
        tag = f"{family.prefix}-{_one(random, UNITS)}{numbers[place] + 1:02d}"
        found.append(
            {
                "equipment": f"{family.phrases[0]} {tag}",
                "symptom": _one(random, list(SYMPTOMS.values())[symptoms[place]]),
                "part": _one(random, COMPONENTS[parts[place]].phrases),
                "person": f"{FIRST_NAMES[first[place]]} {LAST_NAMES[last[place]]}",
                "date": f"{days[place] + 1} de {_one(random, MONTHS)}",
                "hours": f"{hours[place]} horas",
            }
        )
    return found


def _told(facts: list[dict[str, str]], random: np.random.Generator) -> tuple[str, list[dict[str, int]]]:
    """The report, and where each fact stands in it."""
    text, places = _one(random, OPENINGS), []
    for fact in facts:
        sentence, found = _filled(_one(random, TELLINGS), fact, len(text) + 1)
        text += f" {sentence}"
        places.append(found)
    return f"{text} {_one(random, CLOSINGS)}", places


def _filled(telling: str, fact: dict[str, str], start: int) -> tuple[str, dict[str, int]]:
    """A telling with its facts put in, and where each of them starts, counted from `start` at its first character."""
    text, places = "", dict[str, int]()
    while "{" in telling:
        before, _, rest = telling.partition("{")
        name, _, telling = rest.partition("}")
        text += before
        places[name] = start + len(text)
        text += fact[name]
    return text + telling, places


def _one(random: np.random.Generator, choices: Sequence[_Choice]) -> _Choice:
    return choices[int(random.integers(len(choices)))]

"""Seeded generator of Spanish shift reports with questions about them: question answering without a download.

A report describes one piece of equipment, three in ten describe two: the symptom, the replaced part, the person, the
date and the duration, in sentences of varied wording and order. A question names one piece of equipment and asks for
one of these facts. In a report about two, the fact about the other piece is a wrong answer: a small model from scratch
does not learn to distinguish them in a minute and reaches about .85. Answers are spans of the report by construction.
Cost: about 50 microseconds per report.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from lab.data.maintenance_phrases import COMPONENTS, FAMILIES, SYMPTOMS, UNITS
from lab.data.qa.question_rows import Reading, ReadingBuilder

_Choice = TypeVar("_Choice")
QUESTIONS_PER_REPORT = 3
OF_TWO = 0.3
"""Share of the reports about two pieces of equipment."""
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
SENTENCES = (
    "El {date}, {equipment} presentó {symptom}. {person} cambió {part} y la parada duró {hours}.",
    "El {date} se detectó {symptom} en {equipment}; {person} reemplazó {part} en {hours}.",
    "En {equipment} se observó {symptom} el {date}. Tras {hours} de trabajo, {person} instaló {part} de repuesto.",
    "{person} atendió {equipment} el {date} por {symptom}: se sustituyó {part}, con {hours} fuera de servicio.",
    "Por {symptom}, {equipment} quedó detenida {hours} el {date}; se renovó {part} a cargo de {person}.",
)
"""Sentences about one piece of equipment; each states every fact once."""
OPENINGS = ("Informe de turno.", "Resumen de la guardia.", "Novedades del área.", "Reporte de mantenimiento.")
CLOSINGS = ("Sin otra novedad.", "Se informa al supervisor.", "Queda en observación.", "Ver bitácora.")
QUESTIONS = {
    "date": ("¿Cuándo falló {equipment}?", "¿En qué fecha se intervino {equipment}?", "¿Qué día falló {equipment}?"),
    "symptom": ("¿Qué presentó {equipment}?", "¿Qué síntoma tuvo {equipment}?", "¿Por qué se intervino {equipment}?"),
    "part": ("¿Qué pieza se cambió en {equipment}?", "¿Qué repuesto se puso en {equipment}?"),
    "person": ("¿Quién atendió {equipment}?", "¿Quién hizo el trabajo en {equipment}?"),
    "hours": ("¿Cuánto duró la parada de {equipment}?", "¿Cuánto tiempo estuvo detenida {equipment}?"),
}  # fmt: skip


def generate(num_contexts: int, seed: int) -> Reading:
    """Return `num_contexts` reports with three questions each; with more reports the first ones stay the same."""
    builder = ReadingBuilder()
    for number in range(num_contexts):
        random = np.random.default_rng([seed, number])
        facts = _facts(random)
        text, places = _report(facts, random)
        context = builder.context(text, f"report {number}")
        topics = [(equipment, name) for equipment in range(len(facts)) for name in QUESTIONS]
        for order, pick in enumerate(random.permutation(len(topics))[:QUESTIONS_PER_REPORT].tolist()):
            equipment, name = topics[pick]
            question = _choice(random, QUESTIONS[name]).format(equipment=facts[equipment]["equipment"])
            builder.ask(f"{number}-{order}", question, context, [(facts[equipment][name], places[equipment][name])])
    return builder.reading()


def _facts(random: np.random.Generator) -> list[dict[str, str]]:
    """The facts about each piece of equipment of a report; no two share a tag, a part, a person or a date."""
    num = 1 + int(random.random() < OF_TWO)
    parts = random.permutation(len(COMPONENTS))[:num].tolist()
    days = random.permutation(28)[:num].tolist()
    first, last = random.permutation(len(FIRST_NAMES))[:num].tolist(), random.permutation(len(LAST_NAMES)).tolist()
    symptoms = random.permutation(len(SYMPTOMS))[:num].tolist()
    hours = (random.permutation(20)[:num] + 2).tolist()
    numbers = random.permutation(99)[:num].tolist()
    facts = []
    for place in range(num):
        family = FAMILIES[int(random.integers(len(FAMILIES)))]
        tag = f"{family.prefix}-{_choice(random, UNITS)}{numbers[place] + 1:02d}"
        facts.append(
            {
                "equipment": f"{family.phrases[0]} {tag}",
                "symptom": _choice(random, list(SYMPTOMS.values())[symptoms[place]]),
                "part": _choice(random, COMPONENTS[parts[place]].phrases),
                "person": f"{FIRST_NAMES[first[place]]} {LAST_NAMES[last[place]]}",
                "date": f"{days[place] + 1} de {_choice(random, MONTHS)}",
                "hours": f"{hours[place]} horas",
            }
        )
    return facts


def _report(facts: list[dict[str, str]], random: np.random.Generator) -> tuple[str, list[dict[str, int]]]:
    """The text of a report, and the start of each fact in it."""
    text, places = _choice(random, OPENINGS), []
    for fact in facts:
        sentence, starts = _filled(_choice(random, SENTENCES), fact, len(text) + 1)
        text += f" {sentence}"
        places.append(starts)
    return f"{text} {_choice(random, CLOSINGS)}", places


def _filled(sentence: str, fact: dict[str, str], start: int) -> tuple[str, dict[str, int]]:
    """A sentence with its facts filled in, and the start of each fact. start: place of the sentence in the report."""
    text, places = "", dict[str, int]()
    while "{" in sentence:
        before, _, rest = sentence.partition("{")
        name, _, sentence = rest.partition("}")
        text += before
        places[name] = start + len(text)
        text += fact[name]
    return text + sentence, places


def _choice(random: np.random.Generator, choices: Sequence[_Choice]) -> _Choice:
    return choices[int(random.integers(len(choices)))]

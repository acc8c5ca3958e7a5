"""Phrases of the generated maintenance reports, for texts and questions: the values of each slot and their wordings.

Every slot is a tuple of values, every value a tuple of paraphrases that name this value and no other, so that a reader
can recover the plan of a text. The Spanish words are data: plant shorthand without articles, as operators write it.
Weights are relative; a weight of 0 excludes a combination (no oil change on a heat exchanger). Nothing is taken from
real notices.
"""

from typing import NamedTuple

Phrases = tuple[str, ...]


class Family(NamedTuple):
    """A family of equipment: its kind (row of the weight tables below), tag prefix, weight and names."""

    kind: int
    prefix: str
    weight: float
    phrases: Phrases


class Component(NamedTuple):
    """A part: its group (column of the failure mode table), weight for each of the four kinds, and names."""

    group: str
    weights: tuple[float, float, float, float]
    phrases: Phrases


ROTATING, ELECTRIC, STATIC, VALVE = range(4)

FAMILIES: tuple[Family, ...] = (
    Family(ROTATING, "P", 20, ("bomba", "bomba centrífuga", "bomba de proceso")),
    Family(ROTATING, "K", 11, ("compresor", "compresor de tornillo", "compresor de gas")),
    Family(ROTATING, "VT", 7, ("ventilador", "ventilador de tiro", "soplador")),
    Family(ROTATING, "TB", 6, ("turbina", "turbina de vapor")),
    Family(ROTATING, "RD", 6, ("reductor", "caja reductora")),
    Family(ROTATING, "AG", 5, ("agitador", "mezclador")),
    Family(ELECTRIC, "M", 11, ("motor", "motor eléctrico", "motor principal")),
    Family(ELECTRIC, "G", 6, ("generador", "grupo electrógeno")),
    Family(STATIC, "E", 7, ("intercambiador", "intercambiador de calor")),
    Family(STATIC, "CA", 5, ("caldera", "caldera pirotubular")),
    Family(STATIC, "SP", 4, ("separador", "separador trifásico")),
    Family(VALVE, "FV", 8, ("válvula de control", "válvula reguladora")),
    Family(VALVE, "XV", 4, ("válvula de corte", "válvula automática")),
)

UNITS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 11, 12, 21, 22, 23, 24)
"""Plant units: the leading digits of a tag."""

COMPONENT_GROUPS: tuple[str, ...] = ("sealing", "drive", "power", "instrument", "auxiliary", "internal")
COMPONENTS: tuple[Component, ...] = (
    Component("sealing", (10, 0, 0, 0), ("sello mecánico",)),
    Component("sealing", (3, 0, 0, 14), ("empaquetadura", "prensaestopas")),
    Component("sealing", (4, 4, 18, 5), ("empaque de brida",)),
    Component("sealing", (3, 7, 0, 0), ("retenedor",)),
    Component("drive", (12, 14, 0, 0), ("rodamiento", "cojinete")),
    Component("drive", (9, 8, 0, 0), ("acople",)),
    Component("drive", (0, 0, 4, 14), ("actuador", "vástago")),
    Component("power", (4, 12, 0, 0), ("bobinado",)),
    Component("power", (7, 10, 12, 0), ("tablero de fuerza", "bornera")),
    Component("power", (0, 0, 3, 13), ("solenoide",)),
    Component("instrument", (8, 9, 15, 5), ("transmisor", "sensor de campo")),
    Component("instrument", (0, 0, 0, 12), ("posicionador",)),
    Component("auxiliary", (9, 7, 0, 0), ("enfriador de aceite", "línea de aceite")),
    Component("auxiliary", (4, 6, 15, 0), ("línea de agua",)),
    Component("auxiliary", (0, 0, 0, 12), ("línea de aire",)),
    Component("internal", (16, 0, 0, 0), ("impulsor", "rotor")),
    Component("internal", (0, 9, 0, 0), ("estator",)),
    Component("internal", (0, 0, 22, 0), ("haz de tubos", "placa deflectora")),
    Component("internal", (0, 0, 0, 18), ("asiento", "obturador")),
)

SYMPTOMS: dict[str, Phrases] = {
    "vibration": ("vibración alta", "vibración severa", "exceso de vibración"),
    "noise": ("ruido anormal", "golpeteo metálico", "ruido fuerte"),
    "heat": ("temperatura alta", "recalentamiento", "temperatura elevada"),
    "leak": ("fuga visible", "goteo continuo", "fuga de fluido"),
    "low_output": ("bajo rendimiento", "pérdida de capacidad", "rendimiento deficiente"),
    "pressure": ("presión inestable", "oscilación de presión"),
    "no_start": ("arranque fallido", "falla al arrancar"),
    "trip": ("disparo repentino", "disparo por protección"),
    "current": ("corriente alta", "amperaje elevado", "sobrecorriente"),
    "reading": ("lectura errática", "señal intermitente", "lectura dudosa"),
    "stuck": ("atascamiento", "agarrotamiento"),
}
SYMPTOM_WEIGHTS: tuple[tuple[float, ...], ...] = (  # one row per kind, one column per symptom
    (17, 11, 12, 13, 11, 9, 6, 8, 6, 5, 7),
    (13, 10, 15, 3, 6, 0, 13, 13, 15, 7, 5),
    (5, 6, 12, 24, 17, 15, 3, 6, 0, 12, 3),
    (4, 6, 3, 19, 10, 12, 9, 7, 3, 12, 17),
)
SYMPTOM_GROUP_WEIGHTS: dict[str, tuple[int, ...]] = {  # one column per component group: where a symptom occurs
    "vibration": (1, 3, 0, 1, 1, 3),
    "noise": (0, 3, 1, 0, 1, 3),
    "heat": (2, 3, 3, 1, 2, 1),
    "leak": (4, 1, 0, 1, 3, 2),
    "low_output": (1, 1, 1, 2, 2, 4),
    "pressure": (2, 0, 0, 2, 3, 3),
    "no_start": (0, 2, 4, 2, 1, 1),
    "trip": (0, 2, 3, 3, 2, 1),
    "current": (0, 2, 4, 1, 1, 2),
    "reading": (0, 0, 2, 5, 1, 0),
    "stuck": (2, 3, 0, 1, 1, 3),
}
READINGS: dict[str, tuple[str, int, int]] = {  # unit, lowest, highest: sometimes quoted after the symptom
    "vibration": ("mm/s", 6, 18),
    "heat": ("°C", 82, 140),
    "pressure": ("bar", 2, 30),
    "current": ("A", 60, 420),
}

CONTEXTS: dict[str, Phrases] = {
    "repair": ("tras cambio de repuesto", "luego de mantenimiento mayor", "recién salido de taller"),
    "idle": ("tras parada prolongada", "luego de larga inactividad"),
    "high_load": ("con carga máxima", "en pico de demanda"),
    "low_load": ("con carga mínima", "operando en recirculación"),
    "wet": ("tras lluvias fuertes", "con humedad en el área", "luego de lluvia"),
    "dirt": ("con polvo en el área", "tras arrastre de sedimentos"),
    "product": ("tras cambio de producto", "con lote más viscoso"),
    "voltage": ("tras caída de tensión", "luego de apagón"),
    "overdue": ("con preventivo vencido", "con muchas horas de uso"),
    "oil": ("tras cambio de aceite", "con lubricante nuevo"),
}
CONTEXT_WEIGHTS: tuple[tuple[float, ...], ...] = (  # one row per kind, one column per context
    (14, 9, 11, 9, 7, 11, 9, 7, 13, 10),
    (13, 9, 13, 8, 12, 9, 0, 15, 12, 9),
    (15, 11, 12, 9, 8, 16, 13, 3, 13, 0),
    (15, 10, 10, 10, 9, 13, 12, 8, 13, 0),
)

# Slots that decide the priority. "" is a value that the text leaves out.
EFFECTS: dict[str, Phrases] = {
    "none": ("sin afectar el proceso", "operación normal"),
    "reduced": ("producción reducida", "opera a media capacidad"),
    "down": ("equipo detenido", "queda fuera de servicio"),
    "plant": ("planta parada", "se pierde el tren completo"),
    "hazard": ("riesgo para el personal", "condición insegura"),
    "unsaid": ("",),
}
EFFECT_WEIGHTS: tuple[float, ...] = (24, 23, 18, 11, 9, 15)
SPARES: dict[str, Phrases] = {
    "ready": ("respaldo disponible", "alterno en marcha"),
    "absent": ("sin respaldo", "reserva inoperativa"),
    "unsaid": ("",),
}
SPARE_WEIGHTS: tuple[float, ...] = (30, 30, 40)
RECURRENCES: dict[str, Phrases] = {
    "repeated": ("falla repetitiva", "evento recurrente"),
    "first": ("primer evento", "sin antecedentes"),
    "unsaid": ("",),
}
RECURRENCE_WEIGHTS: tuple[float, ...] = (22, 22, 56)

# Phrases that decide no label.
ACTIONS: Phrases = (
    "se deja en observación",
    "se programa intervención",
    "se toma muestra para análisis",
    "se solicita revisión mecánica",
    "se ajusta y se monitorea",
    "se limpia y se normaliza",
    "pendiente de repuesto",
    "se genera orden de trabajo",
    "se realiza inspección visual",
    "se coordina con operaciones",
)
OPENINGS: Phrases = (
    "se evidencia",
    "se detecta",
    "presenta",
    "operador reporta",
    "se observa",
    "en ronda se halla",
    "se reporta",
)
FILLERS: Phrases = (
    "favor revisar",
    "según recorrido del turno",
    "se informa al supervisor",
    "quedo atento",
    "turno noche",
    "ver bitácora",
    "se adjunta foto",
    "se recomienda intervenir en la próxima ventana programada",
)

NOTHING_ELSE = "sin otra novedad"

ABBREVIATIONS: dict[str, str] = {
    "bomba": "bba",
    "compresor": "comp.",
    "motor": "mtr",
    "válvula": "vlv",
    "intercambiador": "interc.",
    "generador": "gen.",
    "ventilador": "vent.",
    "rodamiento": "rodam.",
    "mantenimiento": "mtto",
    "preventivo": "prev.",
    "temperatura": "temp.",
    "presión": "pres.",
    "vibración": "vib.",
    "equipo": "eq.",
    "producción": "prod.",
    "operación": "oper.",
    "servicio": "serv.",
    "repuesto": "rpto",
    "lubricante": "lub.",
    "tensión": "tens.",
    "corriente": "corr.",
    "transmisor": "transm.",
    "rendimiento": "rend.",
    "observación": "obs.",
    "revisión": "rev.",
    "mecánico": "mec.",
    "eléctrico": "eléc.",
    "orden de trabajo": "OT",
}

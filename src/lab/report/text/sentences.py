"""What a report concludes, in English and Spanish: one catalogue, a pair a sentence, formats in the text.

A value that is not known is a dash. A test holds both languages to the same values.
"""

import math
from collections.abc import Mapping
from typing import Any

from lab.report.findings import Sentence
from lab.report.text.labels import LABELS

LANGUAGES = ("en", "es")
CATALOGUE: Mapping[str, tuple[str, str]] = {
    # exclusions
    "excluded_half_written": (
        "run.json is cut short or is no JSON ({error})",
        "run.json está cortado o no es JSON ({error})",
    ),
    "excluded_unreadable": ("run.json cannot be read ({error})", "run.json no se puede leer ({error})"),
    "excluded_foreign": (
        "run.json is not a run's record ({error})",
        "run.json no es el registro de una corrida ({error})",
    ),
    "excluded_version": (
        "run.json has schema version {version}; this report reads version {known}",
        "run.json tiene la versión de esquema {version}; este informe lee la versión {known}",
    ),
    "excluded_without_record": (
        "no run.json: the run was refused or stopped before its record was started",
        "sin run.json: la corrida fue rechazada o se detuvo antes de iniciar su registro",
    ),
    "excluded_sweep": (
        "the files of this sweep cannot be read ({error}): cells that never started are not counted",
        "los archivos de este barrido no se pueden leer ({error}): no se cuentan las celdas que nunca empezaron",
    ),
    "excluded_folder": (
        "the folder cannot be read ({error}): what is in it is not counted",
        "la carpeta no se puede leer ({error}): no se cuenta lo que hay en ella",
    ),
    "excluded_source": ("cannot be read ({error})", "no se puede leer ({error})"),
    # warnings
    "trained_on_val": (
        "{path}: trained on its validation rows, so it has no validation score and is not ranked; its test stands",
        "{path}: entrenada con sus filas de validación: no tiene puntaje de validación ni puesto; su test vale",
    ),
    "config_unread": (
        "{path}: config.yaml cannot be read ({error}); its run is in no group of a config key",
        "{path}: config.yaml no se puede leer ({error}); su corrida no está en ningún grupo por clave",
    ),
    "history_unread": (
        "{path}: history.jsonl is damaged ({error}); its run has no curve",
        "{path}: history.jsonl está dañado ({error}); su corrida no tiene curva",
    ),
    "mixed_objectives": (
        "Ranked together although they were trained for different objectives: {groups}.",
        "Ordenadas juntas aunque se entrenaron para objetivos distintos: {groups}.",
    ),
    "mixed_data": (
        "Ranked together although their data differ: {groups}. Test scores of different rows cannot be compared.",
        "Ordenadas juntas aunque sus datos difieren: {groups}. Los puntajes de test de filas distintas no se comparan.",
    ),
    "optimism": (
        "The winner is the best of {num} on validation rows, and its validation score is flattered by that choice; "
        "its test score is not.",
        "La ganadora es la mejor de {num} en validación, y esa elección halaga su puntaje de validación; "
        "su puntaje de test no.",
    ),
    # comparison
    "nothing_to_compare": (
        "There are not two groups with a result to compare.",
        "No hay dos grupos con resultado que comparar.",
    ),
    "no_repeats": (
        "No group has two seeds, so differences cannot be told from chance: repeat with seed=1,2,3.",
        "Ningún grupo tiene dos semillas, así que las diferencias no se distinguen del azar: repita con seed=1,2,3.",
    ),
    "baseline_is_best": (
        "{baseline} is the baseline because its mean is the best; that choice makes its lead look larger than it is.",
        "{baseline} es la línea base porque su media es la mejor; esa elección hace ver su ventaja mayor de lo que es.",
    ),
    "averaged_over": (
        "Groups with values of their own of {keys} are compared by their mean over these, seed by seed.",
        "Los grupos con valores propios de {keys} se comparan por su media sobre ellos, semilla por semilla.",
    ),
    "better": (
        "{group} is better than {baseline} by {difference:+.4f} {metric} ({low:+.4f} to {high:+.4f}; {num} seeds, "
        "p {p:.3g} corrected for {compared}, d_z {effect:.2f}).",
        "{group} es mejor que {baseline} por {difference:+.4f} {metric} ({low:+.4f} a {high:+.4f}; {num} semillas, "
        "p {p:.3g} corregida por {compared}, d_z {effect:.2f}).",
    ),
    "worse": (
        "{group} is worse than {baseline} by {difference:+.4f} {metric} ({low:+.4f} to {high:+.4f}; {num} seeds, "
        "p {p:.3g} corrected for {compared}, d_z {effect:.2f}).",
        "{group} es peor que {baseline} por {difference:+.4f} {metric} ({low:+.4f} a {high:+.4f}; {num} semillas, "
        "p {p:.3g} corregida por {compared}, d_z {effect:.2f}).",
    ),
    "not_apart": (
        "These data cannot tell {group} from {baseline}: {difference:+.4f} {metric} ({low:+.4f} to {high:+.4f}; {num} "
        "seeds, p {p:.3g} corrected for {compared}, d_z {effect:.2f}).",
        "Estos datos no distinguen {group} de {baseline}: {difference:+.4f} {metric} ({low:+.4f} a {high:+.4f}; {num} "
        "semillas, p {p:.3g} corregida por {compared}, d_z {effect:.2f}).",
    ),
    "no_spread": (
        "{group} and {baseline} differ by {difference:+.4f} {metric} under each of {num} seeds: no spread between "
        "seeds, so that nothing can be said of chance.",
        "{group} y {baseline} difieren en {difference:+.4f} {metric} con cada una de {num} semillas: sin dispersión "
        "entre semillas, nada se puede decir del azar.",
    ),
    "too_few_pairs": (
        "{group} and {baseline} share {num} seeds; two are needed to say anything.",
        "{group} y {baseline} comparten {num} semillas; hacen falta dos para decir algo.",
    ),
    "too_few_pairs_of": (
        "{num} more share fewer than two seeds with {baseline}, and nothing can be said of them.",
        "{num} más comparten menos de dos semillas con {baseline}, y nada se puede decir de ellas.",
    ),
    # diagnosis
    "not_learning": (
        "Not learning: best {score} {best:.3f} after {epochs} epochs; the largest class alone gives {chance:.3f}.",
        "No aprende: mejor {score} {best:.3f} tras {epochs} épocas; la clase mayor sola da {chance:.3f}.",
    ),
    "overfitting": (
        "Overfitting: {score} {train:.3f} on train, {other:.3f} on {split}.",
        "Sobreajuste: {score} {train:.3f} en train, {other:.3f} en {split}.",
    ),
    "rate_not_finite": (
        "Learning rate too high: the loss was no finite number.",
        "Tasa de aprendizaje demasiado alta: la pérdida no fue un número finito.",
    ),
    "rate_too_high": (
        "Learning rate too high: the loss went from {first:.3g} to {last:.3g}.",
        "Tasa de aprendizaje demasiado alta: la pérdida pasó de {first:.3g} a {last:.3g}.",
    ),
    "rate_decayed": (
        "The learning rate was about 0 (last {last:.2g}, peak {peak:.2g}) for the last {epochs} of {total} epochs, and "
        "nothing improved there: not convergence, no rate.",
        "La tasa de aprendizaje fue casi 0 (última {last:.2g}, máxima {peak:.2g}) en las últimas {epochs} de {total} "
        "épocas, y nada mejoró: no es convergencia, es falta de tasa.",
    ),
    "best_is_last": (
        "The best epoch is the last of {epochs}: {metric} still gained {gain:.4f}. Train longer.",
        "La mejor época es la última de {epochs}: {metric} aún ganó {gain:.4f}. Entrene más.",
    ),
    "below_majority": (
        "Below the majority baseline: test {score} {own:.3f}, the largest class alone {baseline:.3f}.",
        "Por debajo de la clase mayor: {score} de test {own:.3f}, la clase mayor sola {baseline:.3f}.",
    ),
    "below_linear": (
        "Below a linear model: test {score} {own:.3f}, linear {baseline:.3f}.",
        "Por debajo de un modelo lineal: {score} de test {own:.3f}, lineal {baseline:.3f}.",
    ),
    "at_ceiling": (
        "At the ceiling: test accuracy {own:.3f}, the Bayes rule's {bound:.3f}. No model is expected to do better.",
        "En el techo: exactitud de test {own:.3f}, la de la regla de Bayes {bound:.3f}. No se espera un modelo mejor.",
    ),
    "truncated": (
        "{share:.1f} % of the training texts are cut at the maximal length.",
        "El {share:.1f} % de los textos de entrenamiento se corta en la longitud máxima.",
    ),
    "leak_rows": (
        "Leak suspected: {share:.1f} % of the rows of a split have their text in another.",
        "Posible fuga: el {share:.1f} % de las filas de una partición tiene su texto en otra.",
    ),
    "leak_above_bayes": (
        "Leak suspected: test accuracy {own:.3f} is above the Bayes rule's {bound:.3f}.",
        "Posible fuga: la exactitud de test {own:.3f} supera la de la regla de Bayes {bound:.3f}.",
    ),
    "leak_score": (
        "Leak suspected: a test {score} of {own:.3f} is rarely earned. Look for the answer in the text.",
        "Posible fuga: un {score} de test de {own:.3f} rara vez se gana. Busque la respuesta en el texto.",
    ),
    "unstable": (
        "Unstable over seeds: {metric} from {low:.3f} to {high:.3f} over {num} seeds (sd {sd:.3f}).",
        "Inestable entre semillas: {metric} de {low:.3f} a {high:.3f} en {num} semillas (de {sd:.3f}).",
    ),
    # what-if
    "ended_bandit": (
        "best {own:.6g} is worse than the best of {num} trials, {top:.6g}, by more than {slack} allows",
        "la mejor {own:.6g} es peor que la mejor de {num} pruebas, {top:.6g}, por más de lo que permite {slack}",
    ),
    "ended_median_stopping": (
        "best {own:.6g} is worse than {bar:.6g}, the median of the running averages of {num} trials",
        "la mejor {own:.6g} es peor que {bar:.6g}, la mediana de las medias acumuladas de {num} pruebas",
    ),
    "ended_truncation_selection": (
        "best {own:.6g} is number {place} from the worst of {num} trials, of which {count} end ({percentage} %)",
        "la mejor {own:.6g} es la número {place} desde la peor de {num} pruebas, de las que terminan {count} "
        "({percentage} %)",
    ),
    "ended_by_policy": ("{reason}", "{reason}"),
    # winner
    "winner_chosen": (
        "Chosen on validation: {run}, {metric} {value:.4f} at epoch {epoch}.",
        "Elegida en validación: {run}, {metric} {value:.4f} en la época {epoch}.",
    ),
    "winner_mean": (
        "Chosen on validation by its mean over {num} seeds: {metric} {mean:.4f} ± {half:.4f}; its run {run} has "
        "{value:.4f}.",
        "Elegida en validación por su media en {num} semillas: {metric} {mean:.4f} ± {half:.4f}; su corrida {run} "
        "tiene {value:.4f}.",
    ),
    "confirmed_otherwise": (
        "Confirmed means are of another metric or goal ({studies}) and took no part in the choice.",
        "Las medias confirmadas son de otra métrica u otro sentido ({studies}) y no participaron en la elección.",
    ),
    "winner_tested": (
        "Reported on test, which took no part in the choice: {score} {value:.4f}.",
        "Informada en test, que no participó en la elección: {score} {value:.4f}.",
    ),
    "winner_untested": ("It has no test score.", "No tiene puntaje de test."),
    "winner_without_recipe": (
        "Its recipe cannot be written: {path} lacks a sound config.yaml or .hydra/ ({error}).",
        "No se puede escribir su receta: a {path} le falta un config.yaml o .hydra/ sano ({error}).",
    ),
    "foreign_command": (
        "The record in {path}, which was not written by you on this machine, calls this its command (not checked): "
        "{command}",
        "El registro en {path}, que no fue escrito por usted en esta máquina, dice que su comando fue este (sin "
        "comprobar): {command}",
    ),
    **LABELS,
}


def say(sentence: Sentence, lang: str) -> str:
    """The text of a sentence. Raises KeyError for a key or language that the catalogue does not have."""
    text = CATALOGUE[sentence.key][LANGUAGES.index(lang)]
    return text.format_map({name: _Shown(value) for name, value in sentence.values.items()})


class _Shown:
    """A value that formats as itself, and as a dash where it is not known."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, spec: str) -> str:
        if self.value is None or (isinstance(self.value, float) and math.isnan(self.value)):
            return "–"
        return format(self.value, spec)

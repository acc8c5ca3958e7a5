"""Titles and names in report.md and in the experiment log, in English and Spanish; part of `sentences.CATALOGUE`."""

from collections.abc import Mapping

LABELS: Mapping[str, tuple[str, str]] = {
    # report.md
    "md_title": ("Report", "Informe"),
    "md_runs": ("{shown} of {expected} runs: {counts}", "{shown} de {expected} corridas: {counts}"),
    "md_winner": ("Winner", "Ganadora"),
    "md_no_winner": ("No run has a result: there is no winner.", "Ninguna corrida tiene resultado: no hay ganadora."),
    "md_leaderboard": ("Leaderboard", "Clasificación"),
    "md_groups": ("Groups by {keys}", "Grupos por {keys}"),
    "md_configurations": ("Configurations", "Configuraciones"),
    "md_comparison": ("Comparison", "Comparación"),
    "md_diagnosis": ("Diagnosis", "Diagnóstico"),
    "md_what_if": ("Early termination, replayed", "Terminación temprana, repetida"),
    "md_exclusions": ("Left out", "Excluidas"),
    "md_more": (
        "... and {num} more; all are in the CSV files and on the page",
        "... y {num} más; todas en los CSV y la página",
    ),
    "md_try": ("try", "pruebe"),
    "md_group": ("group", "grupo"),
    "md_num": ("runs", "corridas"),
    "md_failed": ("without result", "sin resultado"),
    "md_mean": ("mean", "media"),
    "md_sd": ("sd", "de"),
    "md_interval": ("interval", "intervalo"),
    "md_run": ("run", "corrida"),
    "md_status": ("status", "estado"),
    "md_policy": ("policy", "política"),
    "md_study": ("sweep", "barrido"),
    "md_ended": ("ended", "terminadas"),
    "md_saved": ("epochs saved", "épocas ahorradas"),
    "md_regret": ("regret", "pérdida"),
    # log
    "log_aim": ("Aim", "Objetivo"),
    "log_varied": ("Varied", "Qué varió"),
    "log_results": ("Results", "Resultados"),
    "log_conclusion": ("Conclusion", "Conclusión"),
    "log_open": ("Checklist", "Lista de control"),
    "log_nothing": ("nothing", "nada"),
    "log_unsaid": ("(not said; give it with aim='...')", "(sin decir; délo con aim='...')"),
    "check_baseline": ("compared with a baseline", "comparado con una línea base"),
    "check_rates": ("three learning rates or more", "tres tasas de aprendizaje o más"),
    "check_overfitting": ("the winner does not overfit", "la ganadora no sobreajusta"),
    "check_encoders": ("two encoders or more", "dos codificadores o más"),
    "check_test": (
        "chosen on validation, tested on rows of its own",
        "elegida en validación, probada en filas propias",
    ),
    "check_registered": ("registered", "registrada"),
}

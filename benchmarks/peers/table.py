"""The results as tables of Markdown, in English and Spanish, printed and put into the pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.contestants import CONTESTANTS
from benchmarks.peers.features import FEATURES, PEERS

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": ROOT / "docs" / "peers.md", "es": ROOT / "docs" / "es" / "peers.md"}
WORDS = {
    "en": {
        "who": "who", "typed": "lines typed", "train": "training, s", "predict": "prediction from the shell, s",
        "score": "macro-F1 (test)", "misspelt": "a misspelt setting",
        "killed": "`kill -9`, then the command that resumes",
        "exit": "exit {rc} after {wall_s} s: `{answer}`", "ignored": "**ran to the end** ({wall_s} s)",
        "resumed": "continued; {equal:.1%} of the labels as without the kill",
        "again": "trained again; {equal:.1%} of the labels as without the kill",
        "not_resumed": "exit {rc}: `{answer}`", "failed": "failed: `{failed}`", "missing": "not run",
        "rows": "{data}; {cores} cores, {model}; {date}", "wall": "wall, s", "best": "best val/acc",
        "epochs": "epochs trained", "trials": "trials", "install": "could not be installed here: `{failed}`",
        "installed": "version {version}; an environment of {mib} MiB, installed in {seconds} s",
        "yes": "yes", "extra": "with an extra", "package": "package", "came": "what came of `pip install`",
    },
    "es": {
        "who": "quién", "typed": "líneas escritas", "train": "entrenamiento, s",
        "predict": "predicción desde la terminal, s",
        "score": "macro-F1 (prueba)", "misspelt": "una opción mal escrita",
        "killed": "`kill -9` y la orden que continúa",
        "exit": "código {rc} a los {wall_s} s: `{answer}`", "ignored": "**llegó hasta el final** ({wall_s} s)",
        "resumed": "continuó; el {equal:.1%} de las etiquetas son las mismas que sin la interrupción",
        "again": "volvió a entrenar; el {equal:.1%} de las etiquetas son las mismas que sin la interrupción",
        "not_resumed": "código {rc}: `{answer}`", "failed": "falló: `{failed}`", "missing": "no se ejecutó",
        "rows": "{data}; {cores} núcleos, {model}; {date}", "wall": "total, s", "best": "mejor val/acc",
        "epochs": "épocas entrenadas", "trials": "ensayos", "install": "no se pudo instalar aquí: `{failed}`",
        "installed": "versión {version}; un entorno de {mib} MiB, instalado en {seconds} s",
        "yes": "sí", "extra": "con un extra", "package": "paquete", "came": "qué pasó con `pip install`",
    },
}  # fmt: skip
TITLES = {"lab": "lab", "ray_tune": "Ray Tune"}
Results = Mapping[str, Any]


def markdown(results: Results, language: str) -> str:
    """All tables, one below the other."""
    return "\n\n".join(tables(results, language).values())


def tables(results: Results, language: str) -> dict[str, str]:
    """The tables by the name that marks their place in the pages."""
    words = WORDS[language]
    return {
        "work": _work(results, words),
        "faults": _faults(results, words),
        "search": _search(results.get("search", {}), words),
        "features": _features(results.get("features", {}), language),
        "environments": _environments(results.get("environments", {}), words),
    }


def into_pages(results: Results) -> None:
    """Put the tables between the marks of both pages. Raises ValueError where a page has no such mark."""
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        for name, table in tables(results, language).items():
            start, end = f"<!-- peers: {name} -->\n", "<!-- end -->"
            count = text.count(start)
            if count != 1:
                raise ValueError(f"{page.name} has {count} places for the table {name}")
            before, rest = text.split(start)
            text = f"{before}{start}{table}\n{rest[rest.index(end) :]}"
        page.write_text(text, encoding="utf-8")


def _work(results: Results, words: Mapping[str, str]) -> str:
    rows = []
    for key, row in _contestants(results):
        found, lines = row.get("work", {}), str(CONTESTANTS[key].lines())
        last = (
            words["failed"].format(**found)
            if "failed" in found
            else f"{found['f1_macro']:.3f}"
            if found
            else words["missing"]
        )
        rows.append(
            [CONTESTANTS[key].title, lines, *(str(found.get(name, "")) for name in ("train_s", "predict_s")), last]
        )
    head = [words[name] for name in ("who", "typed", "train", "predict", "score")]
    return _table(head, rows) + _about([row["work"] for _, row in _contestants(results) if "work" in row], words)


def _faults(results: Results, words: Mapping[str, str]) -> str:
    rows = [
        [
            CONTESTANTS[key].title,
            _misspelt(row.get("misspelt"), words),
            _killed(row.get("killed"), CONTESTANTS[key].continues, words),
        ]
        for key, row in _contestants(results)
    ]
    seen = [row[part] for part in ("killed", "misspelt") for _, row in _contestants(results) if part in row]
    return _table([words[name] for name in ("who", "misspelt", "killed")], rows) + _about(seen, words)


def _misspelt(found: Results | None, words: Mapping[str, str]) -> str:
    if found is None:
        return words["missing"]
    return words["exit" if found["rc"] else "ignored"].format(**_cells(found))


def _killed(found: Results | None, continues: bool, words: Mapping[str, str]) -> str:
    if found is None:
        return words["missing"]
    if "failed" in found:
        return words["failed"].format(**found)
    kind = "not_resumed" if "answer" in found else "resumed" if continues else "again"
    return words[kind].format(**_cells(found))


def _search(found: Results, words: Mapping[str, str]) -> str:
    rows = []
    for key, row in found.get("runs", {}).items():
        if "failed" in row:
            rows.append([TITLES[key], words["failed"].format(**_cells(row)), "", "", "", ""])
        else:
            numbers = [str(row[name]) for name in ("lines", "wall_s", "trials", "epochs")]
            rows.append([TITLES[key], *numbers, f"{row['best']:.4f}"])
    head = [words[name] for name in ("who", "typed", "wall", "trials", "epochs", "best")]
    return _table(head, rows) + _about([found] if found else [], words)


def _features(found: Results, language: str) -> str:
    """What was looked for and is there; the files of a repository that was read are not looked for."""
    words, rows = WORDS[language], []
    for feature in FEATURES:
        cells = []
        for peer, (_, environment) in PEERS.items():
            name = feature.where.get(peer, "")
            seen = True if environment is None and name else found.get(peer, {}).get(name, "")
            cells.append(words["yes"] if seen is True else words["extra"] if seen.startswith("extra") else "")
        rows.append([getattr(feature, language), *cells])
    return _table(["", *(title for title, _ in PEERS.values())], rows)


def _environments(found: Results, words: Mapping[str, str]) -> str:
    rows = [
        [name, words["install" if "failed" in row else "installed"].format(**_cells(row))]
        for name, row in found.items()
    ]
    return _table([words["package"], words["came"]], rows)


def _contestants(results: Results) -> list[tuple[str, Results]]:
    return [(key, results.get("work", {}).get(key, {})) for key in CONTESTANTS]


def _about(rows: Sequence[Results], words: Mapping[str, str]) -> str:
    lines = dict.fromkeys(words["rows"].format(**row, **row["machine"]) for row in rows)
    return "".join(f"\n\n{line}" for line in lines)


def _cells(row: Results) -> dict[str, Any]:
    """Texts that do not end a cell or a code span."""
    return {
        name: value.replace("|", "/").replace("`", "'") if isinstance(value, str) else value
        for name, value in row.items()
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)

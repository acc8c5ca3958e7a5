"""What drift files say, in one sentence each."""

from lab.report.sources.drift import DriftFile
from lab.report.text.translate import Translator


def drift_verdict(file: DriftFile, words: Translator) -> str:
    """Return the sentence about a file: how many subjects shifted, and which.

    >>> drift_verdict(DriftFile("a.drift.json", "outputs/run", ("a.csv",), 10, (), {}), Translator("en"))
    '10 rows of a.csv against outputs/run: none of 0 subjects shifted.'
    """
    shifted = [each.name for each in file.subjects if each.level != "none"]
    key = "drift.shifted" if shifted else "drift.same"
    about = {"rows": file.rows, "inputs": ", ".join(file.inputs), "run": file.run, "total": len(file.subjects)}
    return words(key, **about, names=", ".join(shifted), count=len(shifted))

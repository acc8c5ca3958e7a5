"""Every `except` that takes any exception is listed here with why: a new one is argued for, not slipped in."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
BROAD = {"Exception", "BaseException"}
REASONS = {
    ("callbacks/learning_curves.py", "_draw"): "a picture less ends no run; said in the log",
    (
        "cli/run_directory.py",
        "_exit_when_refused",
    ): "Hydra turns exceptions of callbacks into warnings; exits with the traceback",
    ("data/readers/hub.py", "_reachable"): "no network shows in many types; counts as no answer",
    (
        "data/readers/hub.py",
        "load_splits",
    ): "client, cache and builders raise what they like; a mistake with the reason",
    (
        "data/readers/numeric/numeric_files.py",
        "_opened",
    ): "openpyxl raises anything for a broken workbook; a mistake with the reason",
    ("config/plugins.py", "_load"): "importing runs a plug-in's own code; a mistake with the reason",
    (
        "config/targets/making.py",
        "make",
    ): "a constructor of other people; a wrong request, or a plug-in's error",
    ("core/locks.py", "sole"): "frees the lock and raises it again",
    (
        "inference/inputs/tables.py",
        "xlsx",
    ): "openpyxl raises anything for a broken workbook; a mistake with the reason",
    ("loggers/failsafe.py", "_try"): "the run matters more than a logger; said once, and marked as lost",
    ("loggers/sweep_callbacks.py", "on_multirun_end"): "the study is done and recorded by then; said in the log",
    ("models/text/weights.py", "_downloaded"): "no network shows in many types; a mistake with the reason",
    ("models/text/subword_tokenizer.py", "load"): "tokenizers raises plain Exception; Unreadable with the reason",
    ("report/output/model_registry.py", "register"): "whatever a service raises; RunError with its first line",
    ("training/ranks/join.py", "join"): "tells rank 0 the reason and raises it again",
    ("training/session.py", "closing"): "writes the end down and raises it again",
    ("training/session.py", "machine_faults_named"): "raises again errors that are no fault of the machine",
    (
        "training/baselines/fitted.py",
        "fitted_baseline",
    ): "a finished run without one of its baselines has not failed; a gap with the reason in the record",
    ("training/post_processing.py", "_draw"): "a picture less ends no run; it stays pending",
    (
        "serving/batching.py",
        "_compute",
    ): "one request must not fail those that share its batch; logged, answered with 500",
    ("serving/batching.py", "_alone"): "a model raises what it likes; logged, and the request is answered with 500",
    ("serving/loaded.py", "load"): "removes what was fetched and raises it again",
    ("inference/addresses/fetch.py", "fetched"): "removes what was fetched and raises it again",
    ("sweep/storage/faults.py", "storage_faults"): "raises again errors that do not show a lost storage",
    ("serving/current.py", "look"): "loading a version raises what it likes; logged, refused, and the looks go on",
    ("sweep/study/controller.py", "sweep"): "raises again errors that are no fault of the machine",
    (
        "sweep/execution/hydra_launcher_pool.py",
        "wait",
    ): "a launcher lost its batch; raised again where nothing had begun",
    ("sweep/execution/job.py", "__call__"): "it is the job's result, and is sent to the controller",
    ("sweep/execution/job.py", "_sendable"): "pickling runs code of the value's class; its text is sent instead",
    ("sweep/execution/job.py", "return_value"): "it is the job's value",
    (
        "sweep/execution/fork_server.py",
        "_run_trial",
    ): "a forked trial must never run its server's code; printed, exit 1",
    (
        "sweep/execution/fork_server.py",
        "serve",
    ): "a forked server must never run its controller's code; sent and printed",
    ("sweep/storage/optuna_storage.py", "_truncate_on_error"): "removes half a line and raises the error again",
    ("core/terminal/display.py", "attempt"): "no display changes a result; said once in the log",
}
"""(file below src/lab, function): what becomes of the exception."""


def broad_excepts(text: str) -> Iterator[tuple[str, int]]:
    """Function and line of every handler, or `suppress`, of Exception, BaseException or anything at all."""
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = ast.Tuple(node.args)
        else:
            continue
        names = {
            ast.unparse(one) for one in (caught.elts if isinstance(caught, ast.Tuple) else [caught] if caught else [])
        }
        if caught is None or names & BROAD:
            around = [one for one in functions if one.lineno <= node.lineno <= (one.end_lineno or 0)]
            yield (max(around, key=lambda one: one.lineno).name if around else "", node.lineno)


def test_every_broad_except_is_listed_with_its_reason() -> None:
    source = ROOT / "src" / "lab"
    there = {
        (str(path.relative_to(source)), function)
        for path in sorted(source.rglob("*.py"))
        for function, _ in broad_excepts(path.read_text(encoding="utf-8"))
    }
    assert there == set(REASONS)


def test_the_scripts_have_none() -> None:
    scripts = ("train.py", "report.py", "predict.py", "serve.py")
    assert [name for name in scripts if list(broad_excepts((ROOT / name).read_text(encoding="utf-8")))] == []


def test_every_form_is_seen() -> None:
    text = """
def one():
    try: pass
    except (OSError, Exception): pass
def two():
    try: pass
    except: pass
def three():
    with contextlib.suppress(BaseException): pass
def four():
    try: pass
    except ValueError: pass
"""
    assert [function for function, _ in broad_excepts(text)] == ["one", "two", "three"]

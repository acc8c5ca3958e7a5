"""Contradictions about a model and the layers of it to freeze.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.rules.sizes import stated_sizes
from lab.config.rules.tasks import GIVES, NO_BASE, QUESTIONS
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted

LAYER_KEYS = ("num_hidden_groups", "num_hidden_layers", "n_layers")
"""Names of the number of blocks in transformers' configs (DistilBERT: n_layers); ALBERT's groups of weights first."""
EXAMPLE_ENCODER = "distilbert-base-multilingual-cased"
"""An encoder on the hub, as an example of a name."""


def _source(path: str | None, package: str | None, architecture: Mapping[str, Any] | None) -> Found:
    if path is None and package is None and architecture is None:
        problem = "there are no weights to load and no architecture to build"
        yield Mistake("model.path", problem, f"model.path={EXAMPLE_ENCODER}", None)


def _vocabulary(pretrained: bool, size: int, architecture: Mapping[str, Any] | None) -> Found:
    published = next(iter(stated_sizes(architecture, ["vocab_size"])), None)
    if pretrained and published is not None and int(size) != published:
        key = "model.vocabulary_size"
        problem = f"has no effect with pretrained weights, which bring their vocabulary ({published} tokens)"
        yield Mistake(key, problem, f"{key}={published}, or model.pretrained=false to learn one", size)


def _frozen(
    pretrained: bool, architecture: Mapping[str, Any] | None, layers: int, schedule: Mapping[Any, int] | None
) -> Found:
    if pretrained:  # the number of layers follows from the weights: the freeze callback checks it before training
        return
    known = stated_sizes(architecture, LAYER_KEYS)
    if not known:
        return
    num_layers = known[0]
    if int(layers) > num_layers:
        problem = f"the encoder has {num_layers} layers"
        yield Mistake("callbacks.freeze.layers", problem, f"callbacks.freeze.layers={num_layers}", layers)
    deep = {epoch: frozen for epoch, frozen in (schedule or {}).items() if int(frozen) > num_layers}
    if deep:
        problem = f"epochs {listed([str(epoch) for epoch in deep])} freeze more than the encoder's {num_layers} layers"
        remedy = f"'callbacks.freeze.schedule={{0: {num_layers}}}'"
        yield Mistake("callbacks.freeze.schedule", problem, remedy, schedule)


def _layerless(kind: str, layers: int, schedule: Mapping[Any, int] | None) -> Found:
    if kind not in ("ngram", *SOLVED):
        return
    if int(layers) > 0:
        yield Mistake("callbacks.freeze.layers", f"model={kind} has no layers", "callbacks.freeze.layers=0", layers)
    if schedule:
        remedy = "callbacks.freeze.schedule=null"
        yield Mistake("callbacks.freeze.schedule", f"model={kind} has no layers", remedy, schedule)


def _thawing(schedule: Mapping[Any, int] | None, num_epochs: int | None) -> Found:
    key, steps = "callbacks.freeze.schedule", sorted((int(epoch), n) for epoch, n in (schedule or {}).items())
    if any(later > earlier for (_, earlier), (_, later) in pairwise(steps)):
        yield Mistake(key, "freezes more layers as epochs pass; layers still frozen can only become fewer",
                      f"'{key}={{0: 12, 1: 8, 2: 0}}'", schedule)  # fmt: skip
    if num_epochs is not None and any(epoch >= num_epochs for epoch, _ in steps):
        yield Mistake(key, f"names an epoch that the run does not reach: epochs are counted from 0 to {num_epochs - 1}",
                      f"trainer.max_epochs={max(epoch for epoch, _ in steps) + 1}", schedule)  # fmt: skip


def _ngrams(shortest_longest: Sequence[int] | None) -> Found:
    if shortest_longest is not None and int(shortest_longest[0]) > int(shortest_longest[1]):
        low, high = shortest_longest
        yield Mistake(
            "model.char_ngrams",
            "the shorter one must come first",
            f"'model.char_ngrams=[{high},{low}]'",
            [low, high],
        )


def _word_ngrams(shortest_longest: Sequence[int]) -> Found:
    for mistake in _ngrams(shortest_longest):
        yield Mistake("model.word_ngrams", mistake.problem, mistake.remedy.replace("char", "word"), mistake.value)


def _halves(buckets: int, characters: Sequence[int] | None) -> Found:
    if characters is not None and int(buckets) < 2:
        problem = "leaves no row for characters, which use half of the table"
        yield Mistake("model.buckets", problem, "model.buckets=2, or model.char_ngrams=null", buckets)


SOLVED = ("linear", "logistic_lags")
"""By `model.kind`: models that are solved after one pass. The rules of MiniRocket's ridge are in `series`, `nets` and
`trainer`, because there another head is a remedy."""


def _one_pass(kind: str, epochs: int | None, steps: int | None, interval: float, every: int | None) -> Found:
    if kind not in SOLVED:
        return
    problem = f"model={kind} is solved after one pass over the training rows"
    if epochs != 1:
        given = "null" if epochs is None else epochs
        yield Mistake("trainer.max_epochs", f"{problem}; more epochs add nothing", "trainer.max_epochs=1", given)
    if steps is not None:
        yield Mistake("trainer.max_steps", problem, "trainer.max_steps=null", steps)
    if interval != 1.0 or isinstance(interval, int) or every != 1:
        remedy = "trainer.val_check_interval=1.0 trainer.check_val_every_n_epoch=1"
        yield Mistake("trainer.val_check_interval", f"{problem} and validated there", remedy, interval)


def _exact(kind: str, precision: Any, finder: bool) -> Found:
    if kind not in SOLVED:
        return
    if str(precision) not in ("32", "32-true"):
        problem = f"the weights of model={kind} are solved in full precision"
        yield Mistake("trainer.precision", problem, "trainer.precision=32", precision)
    if finder:
        problem = f"model={kind} has no learning rate"
        yield Mistake("callbacks.lr_finder.enabled", problem, "callbacks.lr_finder.enabled=false", True)


def _own_loss(kind: str, loss: str) -> Found:
    if kind in SOLVED and loss != "cross_entropy":
        remedy = "loss=default" if loss == "custom" else "loss.kind=cross_entropy"
        yield Mistake("loss.kind", f"has no effect on model={kind}, which has a loss of its own", remedy, loss)


def _smoothed(kind: str, smoothing: float) -> Found:
    if kind in SOLVED and smoothing != 0.0:
        problem = f"has no effect on model={kind}, which has a loss of its own"
        yield Mistake("loss.label_smoothing", problem, "loss.label_smoothing=0.0", smoothing)


def _adjusted(kind: str, adjustment: float) -> Found:
    if kind in SOLVED and adjustment != 0.0:
        problem = f"has no effect on model={kind}, which has a loss of its own"
        yield Mistake("loss.logit_adjustment", problem, "loss.logit_adjustment=0.0", adjustment)


def _separate_heads(kind: str, weighting: str) -> Found:
    if kind in SOLVED and weighting != "fixed":
        problem = f"has no effect on model={kind}, whose heads share no weights"
        yield Mistake("loss.head_weighting", problem, "loss.head_weighting=fixed", weighting)


def _one_net(kind: str, dropout: float, ensemble: int) -> Found:
    if kind not in SOLVED:
        return
    if dropout:
        problem = f"has no effect on model={kind}, which is solved"
        yield Mistake("model.dropout", problem, "model.dropout=0.0", dropout)
    if ensemble != 1:
        problem = f"has no effect on model={kind}: every member would be the same"
        yield Mistake("model.ensemble", problem, "model.ensemble=1", ensemble)


def _label_head(head: str, labels: Sequence[str], split_labels: Sequence[str]) -> Found:
    if head == "transformers" and (len(labels) > 1 or split_labels):
        problem = f"transformers' head has one set of classes, and the label columns are {listed(list(labels))}"
        yield Mistake("model.head", problem, f"model.head=linear, or {quoted('data.labels', [labels[0]])}", head)


def _answer_head(head: str, data: str) -> Found:
    if head == "transformers" and GIVES[data] == QUESTIONS:
        problem = "has no effect on questions: their head scores first and last tokens, as transformers' own does"
        yield Mistake("model.head", problem, "model.head=linear", head)


def _head_on_base(head: str, base: str | None) -> Found:
    if head == "transformers" and base is not None:
        problem = "transformers' head cannot start from the logits of a simple model"
        yield Mistake("model.base", problem, f"{NO_BASE}, or model.head=linear", base)


RULES: tuple[Rule, ...] = (
    (("model.head", "model.base"), _head_on_base),
    (("model.head", "data.labels", "data.split_labels"), _label_head),
    (("model.head", "data.kind"), _answer_head),
    (("model.path", "model.package", "model.architecture"), _source),
    (("model.pretrained", "model.vocabulary_size", "model.architecture"), _vocabulary),
    (("model.pretrained", "model.architecture", "callbacks.freeze.layers", "callbacks.freeze.schedule"), _frozen),
    (("model.kind", "callbacks.freeze.layers", "callbacks.freeze.schedule"), _layerless),
    (("callbacks.freeze.schedule", "trainer.max_epochs"), _thawing),
    (("model.char_ngrams",), _ngrams),
    (("model.buckets", "model.char_ngrams"), _halves),
    (("model.word_ngrams",), _word_ngrams),
    (("model.kind", "trainer.max_epochs", "trainer.max_steps", "trainer.val_check_interval",
      "trainer.check_val_every_n_epoch"), _one_pass),
    (("model.kind", "trainer.precision", "callbacks.lr_finder.enabled"), _exact),
    (("model.kind", "loss.kind"), _own_loss),
    (("model.kind", "loss.label_smoothing"), _smoothed),
    (("model.kind", "loss.logit_adjustment"), _adjusted),
    (("model.kind", "loss.head_weighting"), _separate_heads),
    (("model.kind", "model.dropout", "model.ensemble"), _one_net),
)  # fmt: skip

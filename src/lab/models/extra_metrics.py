"""Metrics of torchmetrics or of a plug-in for each head, as `metrics.extra` names them.

Each gets the probabilities (B, K) and the labels (B,) of a head; torchmetrics' `Binary...` get those of the second
class (B,) and need a head of two classes. Missing labels are left out by `ignore_index`. Many of these metrics make a
GPU wait in `update`, so batches are kept on the device and are added a number of them at once; a checkpoint has those
that are still kept, and a resumed run adds the same batches together.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, classification

from lab.config.targets import argument_names, defining_class, make
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError
from lab.models.gathering import is_shared

KEPT = 64
"""Batches of a head that are kept until they are added to its metrics."""
Nodes = Mapping[str, Mapping[str, Any]]


class ExtraMetrics:
    """The extra metrics of one split. Raises RequestError for a metric that a head cannot have."""

    def __init__(self, heads: tuple[HeadSpec, ...], nodes: Nodes) -> None:
        self.metrics = [{name: _made(name, node, head) for name, node in nodes.items()} for head in heads]
        self.kept: list[list[tuple[Tensor, Tensor]]] = [[] for _ in heads]

    def update(self, index: int, logits: Tensor, labels: Tensor) -> None:
        """Keep a batch of one head: logits (B, K), labels (B,)."""
        if self.metrics[index]:
            self.kept[index].append((logits.detach().float().softmax(-1), labels))
            if len(self.kept[index]) >= KEPT:
                self._add(index)

    def compute(self, index: int) -> dict[str, float]:
        """Scores of a head by name; NaN without a row."""
        self._add(index)
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore", UserWarning)  # of classes without rows
            return {
                name: float(metric.compute()) if metric.update_called else torch.nan
                for name, metric in self.metrics[index].items()
            }

    def reset(self) -> None:
        """Forget all batches."""
        self.kept = [[] for _ in self.kept]
        for metric in [metric for metrics in self.metrics for metric in metrics.values()]:
            metric.reset()

    def state(self) -> dict[str, Any]:
        """Copies of all that is known so far, on the CPU, for a checkpoint in the middle of an epoch."""
        states = [{name: _state(metric) for name, metric in metrics.items()} for metrics in self.metrics]
        return {"states": states, "kept": [[tuple(map(_copied, pair)) for pair in pairs] for pairs in self.kept]}

    @contextmanager
    def synced(self) -> Iterator[None]:
        """Have the batches of all processes (DDP) for the block; none are kept then."""
        with ExitStack() as stack:
            for index, metrics in enumerate(self.metrics if is_shared() else ()):
                self._add(index)
                for metric in metrics.values():
                    stack.enter_context(metric.sync_context())
            yield

    def alone(self) -> None:
        """Compute the scores of what this process adds, and not of the others."""
        for metric in [metric for metrics in self.metrics for metric in metrics.values()]:
            metric.distributed_available_fn = lambda: False

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.kept = [[(pair[0], pair[1]) for pair in pairs] for pairs in state["kept"]]
        for metrics, saved in zip(self.metrics, state["states"], strict=True):
            for name, metric in metrics.items():
                for attribute, value in saved[name]["values"].items():
                    setattr(metric, attribute, _copied(value))
                metric._update_count, metric._computed = saved[name]["updates"], None

    @torch.inference_mode()  # the states of a test are tensors of inference, which change in this mode only
    def _add(self, index: int) -> None:
        pairs, self.kept[index] = self.kept[index], []
        if pairs and self.metrics[index]:
            device = pairs[-1][0].device
            probabilities, labels = (
                torch.cat([part.to(device) for part in parts]) for parts in zip(*pairs, strict=True)
            )
            for metric in self.metrics[index].values():
                if metric.device != device:
                    metric.to(device)
                metric.update(_expected(metric, probabilities), labels)


def _made(name: str, node: Mapping[str, Any], head: HeadSpec) -> Metric:
    key, num = f"metrics.extra.{name}", head.num_classes
    injected = {"num_classes": num, "task": "multiclass", "ignore_index": MISSING, "validate_args": False}
    node = _of_task(node)
    named = argument_names(node)
    metric: Metric = make(key, node, **{name: value for name, value in injected.items() if name in named})
    if _is_binary(metric) and num != 2:
        problem = f"is for two classes, and {head.name} has {num}"
        raise RequestError(Mistake(f"{key}._target_", problem, "a Multiclass... metric", node["_target_"]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            metric.update(_expected(metric, torch.eye(num).mul(3.0).softmax(-1)), torch.arange(num))
            score = metric.compute()
        wrong = "" if isinstance(score, Tensor) and score.numel() == 1 else "gives no single number"
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        wrong = f"fails ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
    if wrong:
        problem = f"{wrong} for probabilities ({num}, {num}) and labels ({num},) of {head.name}"
        raise RequestError(Mistake(key, problem, f"another metric, or +{key}.average=macro", node["_target_"]))
    metric.reset()
    return metric


def _of_task(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node of the class that a class such as torchmetrics.Accuracy makes for a task, `MulticlassAccuracy`."""
    if "task" not in argument_names(node):
        return node
    name = f"{str(node.get('task', 'multiclass')).capitalize()}{defining_class(node).__name__}"
    if not hasattr(classification, name):
        return node
    rest = {key: value for key, value in node.items() if key != "task"}
    return {**rest, "_target_": f"torchmetrics.classification.{name}"}


def _is_binary(metric: Metric) -> bool:
    return type(metric).__name__.startswith("Binary")


def _expected(metric: Metric, probabilities: Tensor) -> Tensor:
    return probabilities[:, 1] if _is_binary(metric) else probabilities


def _state(metric: Metric) -> dict[str, Any]:
    values = {name: _copied(value) for name, value in metric.metric_state.items()}
    for name, value in values.items():  # a list of batches is one tensor where several processes are put together
        if isinstance(value, Tensor) and isinstance(metric._defaults[name], list):
            values[name] = [value]
    return {"updates": metric._update_count, "values": values}


def _copied(value: Any) -> Any:
    return value.to("cpu", copy=True) if isinstance(value, Tensor) else [_copied(item) for item in value]

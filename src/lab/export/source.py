"""The run that is exported: its config, model, spec and records, read and checked once for every format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from lab.cli.saved_config import saved_text
from lab.config.schema import Config
from lab.config.schema.training import Whole
from lab.core.batches import Spec, Tokenizer, spec_fields
from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, write_whole
from lab.core.record.calibration_fields import offsets_of
from lab.core.record.export_record import read_export
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import sealed
from lab.models.classifier import Classifier
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.task_module import TextTaskModule
from lab.training.build.tokenizer import load_tokenizer
from lab.training.tasks.saved_model import load_run, read_spec

PRIVATE = ("process",)
"""Fields of run.json that are about the machine of the run only."""
ENCODER = "encoder.transformer."
"""Prefix of the encoder's weights in the state of a model of texts or questions."""


@dataclass(frozen=True)
class Source:
    """A run with its model in evaluation mode, fp32, on the CPU. tokenizer: None for series."""

    run: RunFolder
    config: Config
    model: Classifier | ExtractiveQA
    spec: Spec
    record: Mapping[str, Any]
    calibration: Mapping[str, Any] | None
    reference: Mapping[str, Any] | None
    tokenizer: Tokenizer | None
    checkpoint: str

    @property
    def offsets(self) -> dict[str, list[float]]:
        """Per head whose class is not always the most probable one, what is added to its log-probabilities (K,)."""
        return offsets_of(self.calibration or {})


def read_source(run: RunFolder, checkpoint: Literal["best", "last"]) -> Source:
    """Load a run. Raises RequestError for a run that cannot be loaded, or that has neither classes nor answers."""
    config, model = load_run(run.path, checkpoint)
    if not isinstance(model, Classifier | ExtractiveQA):
        problem = f"its model {type(model).__name__} gives neither classes nor answers, so it cannot be exported"
        raise RequestError(Mistake("run", problem, "a run of texts, questions or labelled series", run.path))
    tokenizer = load_tokenizer(run.tokenizer) if isinstance(model, TextTaskModule) else None
    try:
        earlier = read_export(run.path)
        records = {key: value for key, value in run.read().items() if key not in PRIVATE}
        calibration, reference = run.read_calibration(), run.read_reference()
    except (OSError, Unreadable) as error:
        raise RequestError(
            Mistake("run", f"its record cannot be read: {error}", "a whole run folder", run.path)
        ) from error
    chosen = checkpoint if earlier is None else str(earlier["checkpoint"])
    return Source(run, config, model, read_spec(run), records, calibration, reference, tokenizer, chosen)


def is_adapted(source: Source) -> bool:
    """Whether the model has adapters."""
    return not isinstance(source.config.peft, Whole)


def plain_state(source: Source) -> dict[str, Tensor]:
    """The state dict of the model in fp32, with merged adapters. Every tensor has memory of its own."""
    state = source.model.state_dict()
    if is_adapted(source):
        from lab.models.peft.merge import merged_state

        assert isinstance(source.model, TextTaskModule), "adapters without an encoder"
        merged = merged_state(source.model.encoder.get_submodule("transformer"))
        state = {name: tensor for name, tensor in state.items() if not name.startswith(ENCODER)}
        state |= {f"{ENCODER}{name}": tensor for name, tensor in merged.items()}
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}


def write_records(source: Source, folder: RunFolder) -> None:
    """Write config.yaml, run.json, spec.json, the tokenizer and, if the run has them, calibration and reference."""
    changes: dict[str, Any] = {"resume": None, "test": None}
    if is_adapted(source):
        changes["peft"] = Whole(kind="none", lr=source.config.peft.lr)
    saved = source.config.model_copy(update=changes).model_dump(mode="json", exclude={"sweep", "logger"})
    # the place of the cache is that of each machine; other values stand as they were read
    own = {key: text for key, text in source.config.from_environment.items() if key.startswith("cache.")}
    text = sealed(saved_text(saved, own))
    write_whole(folder.config, lambda aside: aside.write_text(text, encoding="utf-8"))
    folder.start()
    folder.update(**source.record)
    folder.write_spec(spec_fields(source.spec))
    if source.calibration is not None:
        folder.write_calibration(source.calibration)
    if source.reference is not None:
        folder.write_reference(source.reference)
    if source.tokenizer is not None:
        assert isinstance(source.model, TextTaskModule), "a tokenizer without an encoder"
        source.tokenizer.save(folder.tokenizer)
        source.model.encoder.save_architecture(folder.tokenizer)
    base = getattr(source.model, "base", None)
    if base is not None:
        folder.base.mkdir()
        base.save(folder.base)

"""The classification head that transformers has for the family of an encoder, over hidden states of our encoder.

The model of `AutoModelForSequenceClassification` is built with its encoder replaced by a module that passes hidden
states on, so the layers, their order and the names of their weights are those of transformers. An export then needs no
code of ours. Shapes: B rows, L tokens, D width, K classes.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from lab.core.errors import Mistake, RequestError
from lab.models.text.transformer import quietly, read_config


class PassedStates(nn.Module):
    """Takes the place of an encoder: gives its hidden states (B, L, D) back, with the family's pooled vector (B, D)."""

    def __init__(self, pooler: nn.Module | None) -> None:
        super().__init__()
        self.pooler = pooler

    def forward(self, input_ids: None = None, inputs_embeds: Tensor | None = None, **_: Any) -> Any:
        assert input_ids is None, "ids for a head"
        assert inputs_embeds is not None, "no hidden states"
        pooled = None
        if isinstance(self.pooler, nn.Linear):  # ALBERT's, whose activation is outside
            pooled = torch.tanh(self.pooler(inputs_embeds[:, 0]))
        elif self.pooler is not None:
            pooled = self.pooler(inputs_embeds)
        return BaseModelOutputWithPooling(last_hidden_state=inputs_embeds, pooler_output=pooled)


class TransformersHead(nn.Module):
    """Hidden states (B, L, D) and mask (B, L) bool -> logits (B, K), by transformers' head of the family.

    Weights are random, as `from_config` initialises them. dropout: of every dropout layer of the head. Raises
    RequestError for a family that has no class for sequence classification.
    """

    def __init__(self, config: PretrainedConfig, num_classes: int, dropout: float) -> None:
        super().__init__()
        own = copy.deepcopy(config)
        own.num_labels = num_classes
        try:
            with torch.device("meta"), quietly():
                whole: PreTrainedModel = AutoModelForSequenceClassification.from_config(own)
        except ValueError as error:
            problem = f"transformers has no class for sequence classification with {config.model_type}"
            raise RequestError(Mistake("model.head", problem, "model.head=linear", "transformers")) from error
        self.base = whole.base_model_prefix
        setattr(whole, self.base, PassedStates(getattr(whole.get_submodule(self.base), "pooler", None)))
        whole.to_empty(device="cpu")
        for module in whole.modules():
            whole._init_weights(module)
            if isinstance(module, nn.Dropout):
                module.p = dropout
        self.whole = whole.float().train()

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.whole(inputs_embeds=hidden, attention_mask=mask).logits
        return logits

    def load_pooler(self, folder: Path) -> None:
        """Start the family's pooler, if it has one, from the pretrained weights in `folder`, where these have it."""
        states = self.whole.get_submodule(self.base)
        assert isinstance(states, PassedStates)
        if states.pooler is None:
            return
        with quietly():
            pretrained, report = AutoModel.from_pretrained(
                folder, config=read_config(folder), local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        if not any(name.startswith("pooler.") for name in report["missing_keys"]):
            states.pooler.load_state_dict(pretrained.pooler.state_dict())

"""format=hf: a folder that the transformers library loads, without code of ours and without `trust_remote_code`.

`hf_layout` says what loads it. Adapters are merged; `peft_format` keeps them apart. The folder is loaded by
transformers and compared before it is kept.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lab.core.files import read_json, write_whole
from lab.export.hf_compare import compared
from lab.export.hf_layout import Layout, encoder_of, layout_of, temperature_lines, write_heads, write_json
from lab.export.source import Source
from lab.models.peft.merge import HEADS, WEIGHTS, write_merged
from lab.models.text.transformer import misfits, quietly

ENCODER_ONLY = (
    "transformers loads the encoder only (AutoModel), because it has no class for heads of lab; "
    f"{HEADS} has the heads, and load_classifier.py shows how to use them"
)


def write(source: Source, folder: Path) -> list[str]:
    """Write the folder; return lines to show. Raises RequestError for a model that transformers does not have."""
    layout = layout_of(source)
    write_merged(folder, encoder_of(source), source.run.tokenizer, {})
    if layout.has_heads_of_lab:
        write_heads(source, folder, None)
        lines = [ENCODER_ONLY]
    else:
        _add_head(folder, layout)
        lines = [f"load it by transformers.{layout.auto.__name__}.from_pretrained(FOLDER)"]
    return [*lines, *temperature_lines(source, layout), _compared(source, folder, layout.auto)]


def _add_head(folder: Path, layout: Layout) -> None:
    """Make encoder and head one model."""
    state = {f"{layout.prefix}{name}": tensor for name, tensor in load_file(folder / WEIGHTS).items()}
    state |= {name: tensor.float().cpu().contiguous() for name, tensor in layout.head.items()}
    write_whole(folder / WEIGHTS, lambda aside: save_file(state, aside, {"format": "pt"}))
    write_json(folder / "config.json", read_json(folder / "config.json", dict) | dict(layout.changes))


def _compared(source: Source, folder: Path, auto: Any) -> str:
    with quietly():
        loaded, report = auto.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    return compared(source, loaded, misfits(report))

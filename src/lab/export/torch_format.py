"""format=torch: a folder that is read like a run, with the weights as safetensors and without optimizer and history.

Adapters are merged into the encoder, so the folder needs neither PEFT nor the base model.
"""

from pathlib import Path

from safetensors.torch import save_file

from lab.core.files import write_whole
from lab.core.record.export_record import WEIGHTS_FILE
from lab.core.record.run_folder import RunFolder
from lab.export.source import Source, is_adapted, plain_state, write_records


def write(source: Source, folder: Path) -> list[str]:
    """Write the folder; return lines to show."""
    write_records(source, RunFolder(folder))
    state = plain_state(source)
    write_whole(folder / WEIGHTS_FILE, lambda aside: save_file(state, aside, {"format": "pt"}))
    return ["the adapters are merged into the encoder"] if is_adapted(source) else []

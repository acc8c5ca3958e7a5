"""The commands: one file each, under the name that a person types. A command joins Hydra's entry, the shared `cli.main`
and the rooms that do its work; `train.py` and `report.py`, the console scripts and `python -m lab` all start here.
"""

"""Figures of single runs (`run_figures`) and of reports: one file per figure in `scores/` and `settings/`.

`base` defines what a figure is, `gallery` lists all of them, `drawing` and `run_columns` hold what they share.
"""

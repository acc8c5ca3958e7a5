"""How sure a run may be: temperatures, coverage against accuracy, rows to review. Computed at the end of a run."""

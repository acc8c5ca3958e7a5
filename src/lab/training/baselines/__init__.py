"""Simple models that a run is compared with: fitted on its training rows, scored on its validation and test rows."""

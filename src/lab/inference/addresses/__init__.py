"""Models that MLflow or W&B keeps, as `run=` names them: fetched into a folder that is removed at the end."""

"""Loggers of runs (W&B, MLflow, TensorBoard, CSV): Lightning loggers, each behind a guard that keeps the run going.

`base` defines what a logger is, `build` starts those of a config, `sweep_callbacks` logs whole sweeps.
"""

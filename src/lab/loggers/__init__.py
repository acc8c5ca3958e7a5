"""Loggers of runs (W&B, MLflow, TensorBoard, CSV): Lightning's loggers, each behind a fence that keeps the run going.

`base` defines what a logger is, `build` starts those of a config, `sweep_callbacks` logs whole sweeps.
"""

"""Predictions of an ONNX export by onnxruntime, in place of the run's model."""

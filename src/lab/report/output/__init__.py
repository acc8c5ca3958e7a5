"""Outputs beside the page: tables, report.md, the experiment log, the model card, the model registry."""

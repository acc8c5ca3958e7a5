"""The files beside the page: tables, the experiment log, the model card, the model registry."""

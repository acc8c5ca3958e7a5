"""Extractive question answering: spans, the best answers, the metrics of SQuAD."""

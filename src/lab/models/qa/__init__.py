"""Extractive question answering: spans, the best answers and the metrics of SQuAD."""

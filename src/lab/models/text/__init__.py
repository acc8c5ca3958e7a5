"""Encoders of texts and their tokenizers, and the classifier over them."""

"""Texts with label columns: from a source to tokenised splits."""

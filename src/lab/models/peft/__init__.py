"""Parameter-efficient fine-tuning: adapters, 4-bit layers, the base that belongs to them, merging."""

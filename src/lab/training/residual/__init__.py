"""Networks that start from a simple model (`model.base=linear`): its fit, its files, its logits."""

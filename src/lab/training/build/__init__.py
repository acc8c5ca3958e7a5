"""From the config to objects: hardware, Trainer, encoders, tokenizers, nets."""

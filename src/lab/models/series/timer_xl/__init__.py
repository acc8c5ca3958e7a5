"""Timer-XL (arXiv 2410.04803): the encoder, its classifier, its checkpoints and its pretraining."""

"""A checked config becomes a run folder: training, the test of the best checkpoint, and what surrounds both."""

"""The command line: read, checked and rewritten before Hydra runs it; also the claim on a run's folder."""

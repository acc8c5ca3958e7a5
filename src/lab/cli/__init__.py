"""What a person types: command lines read, checked and rewritten before Hydra runs them; the claim on a run's
directory.
"""

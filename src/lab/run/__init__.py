"""The pieces put together: a checked config becomes a run folder."""

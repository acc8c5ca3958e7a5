"""The run folder and its records: the contract on disk between a run and everything that reads it later."""

"""`lab`: train, sweep and compare encoders on honest terms. Import the rooms themselves (`lab.run`, `lab.record`)."""

__version__ = "0.1.0"

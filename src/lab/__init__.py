"""`lab`: train, sweep and compare encoders. Import the rooms themselves (`lab.training`, `lab.core`)."""

__version__ = "0.1.0"

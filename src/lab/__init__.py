"""`lab`: train, sweep and compare encoders on honest terms. Import the rooms themselves (`lab.run`,
`lab.core.record.run_folder`).
"""

__version__ = "0.1.0"

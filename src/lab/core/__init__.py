"""What everything else stands on: errors, files, locks, the run folder, the terminal. No configuration, no torch but in
`batches`.
"""

"""The foundation of all other rooms: errors, files, locks, the run folder, the terminal. It knows no configuration, and
only `batches` imports torch.
"""

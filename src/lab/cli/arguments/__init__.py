"""The command line as it was typed becomes the line that Hydra reads: quotes that a shell removed, all folds."""

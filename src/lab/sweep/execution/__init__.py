"""Jobs in processes of their own or through Hydra's other launchers, and how each one ended."""

"""Training rows that are read from shards during training, for data that are larger than memory."""

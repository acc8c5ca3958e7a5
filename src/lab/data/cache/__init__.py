"""The cache folder that runs share: its size limit, the locks of its entries, stored hidden states."""

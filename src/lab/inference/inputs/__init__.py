"""New rows for a trained model, read in pieces. A row that cannot be read keeps its place and number."""

"""A trained model behind HTTP: requests are checked, share batches, and are answered with the cells of predict.py."""

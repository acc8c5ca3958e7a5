"""What the rows of a run are like, in numbers that fit into a small file: new rows are compared with them."""

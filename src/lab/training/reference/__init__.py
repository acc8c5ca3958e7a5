"""What the rows of a run are like, written at its end as `reference.json`: new rows are compared with it."""

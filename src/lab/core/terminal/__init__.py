"""What is written to standard output and error, and everything that is drawn there."""

"""Standard output and error, and everything that is drawn there."""

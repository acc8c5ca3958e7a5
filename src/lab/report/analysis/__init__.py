"""Conclusions from the table of runs: groups, statistics, comparison, diagnosis, what-if, the winner."""

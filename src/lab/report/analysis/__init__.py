"""What is concluded from the table of runs: groups, statistics, comparison, diagnosis, the winner."""

"""A trial's reports of its objective: to the controller through a pipe, or into the study's storage."""

"""The loop of a study: ask, start, receive reports, end, confirm, and what is kept of it."""

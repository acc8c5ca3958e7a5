"""index.html: the page, its sections, and the figures on it."""

"""The page index.html: its sections, its table and its image files."""

"""Time stamps in files: formats, counts since 1970, calendar steps."""

"""Time stamps as they are written: formats, epochs, steps of the calendar."""

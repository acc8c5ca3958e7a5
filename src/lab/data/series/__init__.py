"""Time series: long tables cut into windows, problems of the UCR/UEA archive, a weather generator."""

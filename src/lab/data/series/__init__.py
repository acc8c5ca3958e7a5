"""Time series: long tables that are cut into windows, problems of the UCR/UEA archive, a weather generator."""

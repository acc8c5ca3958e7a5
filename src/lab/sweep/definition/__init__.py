"""What a sweep is to do, read from configs, YAML files and Azure ML jobs, with every mistake found before the first
trial.
"""

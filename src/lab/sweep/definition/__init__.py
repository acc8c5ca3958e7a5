"""The plan of a sweep from configs, YAML files and Azure ML jobs; all mistakes are found before the first trial."""

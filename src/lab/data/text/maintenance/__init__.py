"""The seeded generator of Spanish maintenance reports: the embedded default data set."""

"""The seeded generator of Spanish maintenance reports, the default data set."""

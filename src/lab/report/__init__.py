"""Reports on runs: `sources` read them, `analysis` compares them, `figures`, `html` and `output` show the results.

`build` does it all in order, `findings` defines what passes between the rooms, `text` has both languages.
"""

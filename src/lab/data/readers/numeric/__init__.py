"""Long tables of numbers: CSV, Parquet and XLSX files, their layout, and how numbers are written in them."""

"""All texts of the report, in English and Spanish."""

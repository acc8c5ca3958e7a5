"""Every word of the report, in English and Spanish."""

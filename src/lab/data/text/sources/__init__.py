"""Sources of labelled texts, one module each; a new source also needs an entry in `lab.data.text.source.SOURCES`."""

"""Sources of labelled texts, one module each, which registers its kinds; `lab.data.text.source` imports them."""

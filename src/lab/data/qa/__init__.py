"""Questions about contexts: SQuAD files, a generator, splits by document, windows of tokens."""

"""Questions about contexts: SQuAD files, a generator, windows of tokens, splits by document."""

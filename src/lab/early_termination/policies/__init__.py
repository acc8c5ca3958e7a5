"""One early-termination policy a file; `base` says what a policy must define."""

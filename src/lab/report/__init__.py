"""Tables and figures drawn from numbers alone: no lightning, no transformers."""

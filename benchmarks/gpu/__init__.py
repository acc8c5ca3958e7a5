"""All that only a GPU can show: `make check-gpu`. Not run on a GPU yet (docs/gpu.md)."""

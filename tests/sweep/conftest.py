"""Fixtures of Hydra's own suites."""

from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner

__all__ = ["hydra_restore_singletons", "hydra_sweep_runner"]

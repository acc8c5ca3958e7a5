"""The storage of a study, and several controllers that share one."""

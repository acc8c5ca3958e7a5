"""The typed requests of commands that use a trained model. All defaults are in conf/."""

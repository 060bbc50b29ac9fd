"""The version of shapetrick: the build reads it here; importlib.metadata takes long to find it."""

VERSION = "0.1.0"

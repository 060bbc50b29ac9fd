"""The inside of the interactive session."""

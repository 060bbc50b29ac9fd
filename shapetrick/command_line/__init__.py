"""The inside of the command line: arguments, sources, and a module for each command."""

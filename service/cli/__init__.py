"""The command line: one file for each group of commands, and ``main`` which lists them all."""

"""``glassgate eval``: rows in, what the gate made of them, and the figures that follow."""

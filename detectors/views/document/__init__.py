"""Documents: their kinds, the reader in a process of its own, and the view over both."""

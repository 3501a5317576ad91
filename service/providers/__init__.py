"""Dialects: wire JSON in, neutral exchange out. Data in, data out; no I/O."""

"""Remembers: one canonical line and a set of metrics for each request, none with payload."""

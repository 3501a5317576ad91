"""Checks: each scores texts, and decides nothing."""

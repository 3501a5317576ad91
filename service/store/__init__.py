"""Keeps what was decided and why, without payload, so that it can be decided again."""

"""Trying a policy before it is in force: cases of requests, and recorded decisions replayed."""

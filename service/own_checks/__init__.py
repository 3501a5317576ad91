"""The operator's own checks: what a file of them says, and the checks that come of it."""

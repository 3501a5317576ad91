"""Detectors: what reads and judges. Knows nothing of HTTP, policy or the service."""

"""The service: the proxy around the detectors."""

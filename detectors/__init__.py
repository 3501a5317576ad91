"""Detectors: what reads and judges. Knows nothing of HTTP, policy or the service."""

import os

# ONNX Runtime's Linux wheels report each session to their maker and write into the home folder,
# unless this is set before they are imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

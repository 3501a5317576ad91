"""The operator's listener: metrics, health and readiness, apart from the proxy's own."""

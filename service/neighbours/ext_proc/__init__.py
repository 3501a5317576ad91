"""Envoy's external processing (ext_proc): Envoy shows a call over gRPC and is told what to do."""

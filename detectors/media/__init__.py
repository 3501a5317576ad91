"""Bytes to what the model will see: decode under limits, canonicalise, paint over."""

"""OCR engines of others, in place of the embedded one; each needs its extra."""

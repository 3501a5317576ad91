"""How the audit database came to its present schema, step by step."""

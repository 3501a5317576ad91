"""Policy: YAML rules that decide about an inspection."""

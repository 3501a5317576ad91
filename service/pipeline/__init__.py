"""The way of a call: read, pin, reveal, judge, decide, act, send, guard, remember."""

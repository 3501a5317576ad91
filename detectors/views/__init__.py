"""Views: each derives parts from a part, and judges nothing."""

"""The vocabulary that every room shares: standard library only, frozen dataclasses."""

"""Neighbours: programs that ask for an inspection and forward by themselves."""

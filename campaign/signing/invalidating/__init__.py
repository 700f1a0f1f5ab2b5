"""Invalidating: signatures that were not what they seemed leave the count, in the open, and come back if need be."""

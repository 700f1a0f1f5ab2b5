"""Reminding, once, of a signature or a following that nobody has confirmed."""

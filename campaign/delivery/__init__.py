"""Delivery: the dossier to hand in, the names as a table, and the contacts of those who agreed."""

"""Signing: intake, signatures; sign, confirm, withdraw, erase."""

"""Organizers: accounts, roles, the guarded console, errands to the worker, second persons, the log."""

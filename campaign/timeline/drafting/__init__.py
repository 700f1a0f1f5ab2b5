"""Drafts of updates: who writes what, when it is published, what it lacks."""

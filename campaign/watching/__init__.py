"""Watching: what a monitor asks. Workers' heartbeats, health, metrics."""

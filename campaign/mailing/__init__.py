"""Mailing: readers, letters, deliveries, suppression, unsubscribing."""

"""Counting: how many signed, by day, country, language and source, for the organizers; never counted by a page."""

"""The timeline: updates, the statuses that they set, and publishing, which posts the mailing."""

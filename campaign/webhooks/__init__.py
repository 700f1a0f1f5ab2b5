"""Webhooks: what happens in a campaign, told to other programs, signed (Standard Webhooks)."""

"""Statements of signers and endorsements of organisations; both are moderated before they show."""

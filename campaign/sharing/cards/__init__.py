"""What a campaign shows outside of its page: the share card, drawn once a state, and the poster with a QR code."""

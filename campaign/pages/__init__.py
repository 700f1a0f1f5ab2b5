"""The pages composed of what the rooms offer: home, and the campaign page."""

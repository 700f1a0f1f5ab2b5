"""What travels: feeds, embeds, cards, posters."""

"""How a campaign travels by itself: feeds, a frame for other sites, cards, posters, what search engines are told."""

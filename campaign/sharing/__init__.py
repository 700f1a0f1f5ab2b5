"""How a campaign travels by itself: feeds, a frame for other sites, what search engines and networks are told."""

"""The letter of the week: what was told since Monday, in one letter for whoever wants no more."""

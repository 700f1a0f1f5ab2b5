"""Paper: lists that people signed by hand, read from a CSV file, counted apart from what was confirmed by mail."""

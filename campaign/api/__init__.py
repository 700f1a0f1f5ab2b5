"""What other programs read and call, described by OpenAPI."""

"""What comes back: letters that did not arrive, complaints, unsubscribing by mail. For the private side only."""

"""The Open Supporter Data Interface, version 1.2: petitions, and the helper that records a signature."""

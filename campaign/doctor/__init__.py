"""The doctor: looks an installation over and says, finding by finding, what is good, what is wrong, and the remedy."""

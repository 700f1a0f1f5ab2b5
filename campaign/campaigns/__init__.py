"""Campaigns: the appeal, its texts, the people it is for, its demands and targets."""

"""What files have in common: written whole or not at all, and what lies under a name without being it."""

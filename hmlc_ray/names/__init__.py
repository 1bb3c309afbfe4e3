"""What levels, studies and metrics may be called. Imports neither torch nor numpy."""

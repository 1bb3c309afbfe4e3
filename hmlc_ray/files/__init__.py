"""Files: written whole or not at all, and what only looks like a file."""

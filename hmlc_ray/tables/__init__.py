"""What tables have in common: their cells, and the paths that they list."""

"""`hmlc doctor`: whether a sweep could run here, on all nodes of its cluster."""

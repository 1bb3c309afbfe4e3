"""The cluster of a sweep: reaching it, what it has, what a trial takes of it."""

"""What runs inside Ray's processes: a trial, its workers, their resume."""

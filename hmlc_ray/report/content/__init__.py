"""What a report is made of, read from the store as plain data."""

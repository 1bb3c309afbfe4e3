"""The sections of a report: from collected data to blocks."""

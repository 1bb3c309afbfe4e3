"""The outcome of a study as MLflow shows it: a description, a table, pictures, and the registered encoder."""

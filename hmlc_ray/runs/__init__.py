"""Single runs in this process, and how any run gets into MLflow."""

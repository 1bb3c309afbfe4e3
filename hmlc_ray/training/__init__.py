"""The training loop and what it leaves behind; knows neither Ray nor MLflow."""

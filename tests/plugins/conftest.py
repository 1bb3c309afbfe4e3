from sweep_fixtures import sandbox  # noqa: F401

"""Configuration: models, loading, errors. Imports neither torch nor ray, so that `hmlc check` starts fast."""

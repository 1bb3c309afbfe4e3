"""What readers of a study need: its folder, its runs, its state; without Ray, Optuna and torch."""

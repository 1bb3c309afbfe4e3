"""Every subclass of, and change to, Tune's and Optuna's parts."""

"""The sweep service: the only package that imports Ray and Optuna.

Ray reads its environment when it is imported, so its defaults are chosen here, before any module below imports it.
"""

from __future__ import annotations

import os

# A value that is set already is kept.
_DEFAULTS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Relative data paths mean the folder where the command was typed.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # MLflow has the metrics; Tune's CSV, JSON and TensorBoard copies are not wanted.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # The progress view is ours; Tune's newer output prints tables even when set to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "120",
    # Ray's coming default (a worker without GPUs keeps CUDA_VISIBLE_DEVICES); set, it does not warn.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

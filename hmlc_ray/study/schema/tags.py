"""The tags of runs, the metadata of jobs and the names of artifacts.

The docstring of a tag reads `On RUNS, by MODULE: VALUES.`; `docs/runs.md` is made of them. Tags and values are in
stores of other versions: neither may change.
"""

from __future__ import annotations

# Tags of every run.
KIND = "hmlc.kind"
"""On every run, by `tracking/tracker.py`: `study`, `benchmark`, `trial` or `single`; see `RunKind`."""
STATUS = "hmlc.status"
"""On every run, by `tracking/`: `running`, `completed`, `pruned`, `failed` or `killed`; finer than MLflow's own
status."""
ERROR = "hmlc.error"
"""On failed runs, by whatever ended them: the error in one line; deleted when the run resumes."""
VERSION = "hmlc.version"
"""On every run, by `tracking/provenance.py`: the version of the package that created the run."""
GIT_COMMIT = "hmlc.git_commit"
"""On every run, by `tracking/provenance.py`: the working directory's commit, with `-dirty` where tracked files differ
from it."""
DRIVER = "hmlc.driver"
"""On every run, by `tracking/provenance.py` and `study/heartbeat.py`: host and process of the driver and, in a job,
the job's id, as JSON."""
SEED = "hmlc.seed"
"""On every run, by `runs/recording.py` and `sweep/driver.py`: the seed, of the trial or of the study."""
DATA_FINGERPRINT = "hmlc.data_fingerprint"
"""On every run, by `runs/recording.py` and `sweep/driver.py`: the hash of the data set's samples, labels and splits."""
PLUGINS = "hmlc.plugins"
"""On every run with kinds of plug-ins, by `runs/recording.py` and `sweep/driver.py`: the kinds, and the distributions
that they are of."""

OBJECTIVE = "hmlc.objective"
"""On every run that trains, by `runs/recording.py`: the kind of its objective; on studies the kinds that are searched,
by `sweep/driver.py`."""
DATA = "hmlc.data"
"""On every run, by `runs/recording.py` and `sweep/driver.py`: the data set in a word: its kind, or the name of its
folder or file."""

# Tags of studies and single runs.
DATA_PLACE = "hmlc.data_place"
"""On studies and single runs, by `runs/recording.py`: where the training samples are kept on the machine that
recorded the run, which `data.cache: auto` decided."""
TAXONOMY_DIGEST = "hmlc.taxonomy_digest"
"""On studies and single runs, by `runs/recording.py`: SHA-256 of the label tree, as `Taxonomy.digest` has it."""
DATA_NOTES = "hmlc.data_notes"
"""On studies and single runs, by `runs/recording.py`: what was left out of the data, and which split lacks which
classes."""
CPU_THREADS = "hmlc.cpu_threads"
"""On single runs in this process, by `runs/single.py`: threads of the CPU kernels, which `training.cpu_threads`
decided."""

# Tags of studies.
STUDY = "hmlc.study"
"""On studies and benchmarks, by `tracking/tracker.py`: the name."""
NUM_TRIALS = "hmlc.num_trials"
"""On studies that got more trials, by `sweep/extend.py`: their number; MLflow cannot change the parameter
`study.num_trials`."""
SPACE_USED_UP = "hmlc.space_used_up"
"""On studies that have drawn every point of their space, by `sweep/tune/recorder.py`: how many trials that took."""
STANDING = "hmlc.standing"
"""On studies, by `study/progress.py`: counts of the trials, the best so far, and the driver that counted, as JSON."""
DRIVER_SEEN = "hmlc.driver_seen"
"""On studies, by `study/heartbeat.py`: when the driver last gave a sign of life, in Unix seconds."""
STALLED = "hmlc.stalled"
"""On studies, by `study/heartbeat.py` and `sweep/driver.py`: what a stalled study waits for, in a sentence; else
empty."""
BEST_TRIAL = "hmlc.best_trial"
"""On concluded studies, by `sweep/finish.py`: the number of the best trial."""
BEST_RUN = "hmlc.best_run"
"""On concluded studies, by `sweep/finish.py`: the run id of the best trial."""
ENCODER_RUN = "hmlc.encoder_run"
"""On concluded studies, by `sweep/finish.py`: the id of the run whose encoder is the result: the refit's, or the best
trial's."""
CHECKPOINT_BYTES_HELD = "hmlc.checkpoint_bytes_held"
"""On concluded studies, by `sweep/tune/retention.py`: bytes of the checkpoints that are kept."""
CHECKPOINT_BYTES_FREED = "hmlc.checkpoint_bytes_freed"
"""On concluded studies, by `sweep/tune/retention.py`: bytes of the checkpoints that were deleted."""

MODEL = "hmlc.model"
"""On concluded studies with an encoder, by `sweep/outcome/model.py`: the registered model's name and version, as
`NAME/VERSION`."""

ENCODER_DIGEST = "hmlc.encoder_digest"
"""On versions of registered models, by `tracking/models.py`: SHA-256 of the encoder's weights."""

# Tags of trials.
TRIAL_ID = "hmlc.trial_id"
"""On trials, by `tracking/tracker.py`: the trial's number; on refits `refit`, or `refit~NUMBER` where another trial's
refit came first."""
SEARCHED = "hmlc.searched"
"""On trials, by `sweep/tune/recorder.py`: the searched parameters and their values, as JSON."""
VALUE = "hmlc.value"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the objective metric at the trial's end."""
EPOCHS = "hmlc.epochs"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the epochs that were trained."""
SECONDS = "hmlc.seconds"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the seconds that the trial took."""
RUNG = "hmlc.rung"
"""On completed and pruned trials of studies with a scheduler, by `sweep/tune/recorder.py`: the last rung that the
trial reached, 0 before the first."""
RETRIES = "hmlc.retries"
"""On trials that were run again, by `sweep/tune/optuna_reopen.py`: how often."""
EARLIER_ERROR = "hmlc.earlier_error"
"""On trials that were run again, by `sweep/tune/optuna_reopen.py`: why they failed before."""
CHECKPOINT_ERROR = "hmlc.checkpoint_error"
"""On trials, by `sweep/tune/recorder.py`: why a checkpoint is missing."""
CHECKPOINT_BYTES = "hmlc.checkpoint_bytes"
"""On completed and pruned trials, by `sweep/tune/`: bytes of the checkpoint that the run holds; 0 when it was
deleted."""
CHECKPOINT_FOLDER = "hmlc.checkpoint_folder"
"""On completed and pruned trials, by `sweep/tune/recorder.py`: the folder of the trial's checkpoints while it
trained."""
WEIGHTS_PREFIX = "hmlc.weights_prefix"
"""On trials and single runs, by `runs/recording.py`: the prefix of the weights in the file `encoder.weights`, where
it has one."""
WEIGHTS_DIGEST = "hmlc.weights_digest"
"""On trials and single runs, by `runs/recording.py`: SHA-256 of the file `encoder.weights` when they started."""
REFIT_OF = "hmlc.refit_of"
"""On refits, by `sweep/finish.py`: the run id of the trial whose configuration was trained again."""
SUPERSEDED_BY = "hmlc.superseded_by"
"""On refits of trials that are not the best any more, by `sweep/finish.py`: the run id of the refit that replaced
them."""

# Tags that MLflow itself reads.
PARENT = "mlflow.parentRunId"
"""On trials and studies with `study.parent_run`, by `tracking/tracker.py` and `sweep/driver.py`: the run id of their
study or benchmark; MLflow nests them below it."""
SOURCE_COMMIT = "mlflow.source.git.commit"
"""On every run, by `tracking/provenance.py`: the commit, which MLflow's interface shows."""

DESCRIPTION = "mlflow.note.content"
"""On studies, trials and refits, by `sweep/outcome/` and `runs/describing.py`: Markdown, which MLflow's interface
shows as the run's description."""
LOGGED_TABLES = "mlflow.loggedArtifacts"
"""On concluded studies, by `sweep/outcome/`: which artifacts are tables, as JSON; MLflow's interface shows them as
such."""

# Tags of experiments.
EXPERIMENT_OF = "hmlc.experiment_of"
"""On experiments, by `tracking/experiments.py`: the base experiment that they belong to; runs are looked up in them."""
EXPERIMENT_KIND = "mlflow.experimentKind"
"""On experiments, by `tracking/experiments.py`: `custom_model_development`, with which MLflow opens them as model
training."""
SHARED_VIEW_PREFIX = "mlflow.sharedViewState."
"""On experiments, followed by `VIEW`, by `tracking/experiments.py`: the columns of the table of runs, as JSON."""
VIEW = "hmlc"
"""The key of the view that `hmlc ui` opens."""
MAX_EXPERIMENT_TAG = 5000
"""Characters of an experiment's tag that every database of MLflow's takes."""

# Metadata of a study's job.
JOB_STUDY = "hmlc.study"
"""On jobs, by `sweep/jobs/submit.py`: the study's name; a job without it is not a study's."""
JOB_VERSION = "hmlc.version"
"""On jobs, by `sweep/jobs/submit.py`: the version of the package that submitted the job."""
JOB_HOME = "hmlc.home"
"""On jobs, by `sweep/jobs/submit.py`: the home folder as it was given; absent where the cluster's environment
decides."""
JOB_TRACKING_URI = "hmlc.tracking_uri"
"""On jobs, by `sweep/jobs/submit.py`: the MLflow store as it was given; absent where the cluster's environment
decides."""

# Artifacts.
CHECKPOINT, ENCODER, CONFUSION, DIAGNOSIS = "checkpoint", "encoder", "confusion", "diagnosis"
"""Artifact folders of a run, and the names of their copies in the home folder."""
SWEEP_ARTIFACT = "sweep.yaml"
"""Artifact of a study's run: the sweep as it was started."""

REFIT = "refit"
"""What the trial ids of refits begin with."""

"""Which tests take longest, of all tiers; `conftest.py` has them start first."""

from __future__ import annotations

LONGEST = (
    "test_a_complete_study_goes_on_with_more_trials_as_if_it_had_had_them_from_the_start",
    "test_trials_and_the_refit_without_a_gpu_train_on_the_cpu",
    "test_a_killed_study_is_resumed_in_the_moved_project",
    "test_nothing_is_left_in_it_after_a_killed_sweep_is_resumed",
    "test_metrics_are_kept_and_sent_when_the_server_is_back",
    "test_a_stopped_job_closes_its_runs_and_is_resumed",
    "test_trials_of_a_worker_group_stop_early_and_leave_nothing_behind",
    "test_a_sweep_whose_trials_are_deleted_while_it_runs",
    "test_a_study_with_fewer_points_than_trials_is_complete_when_all_are_drawn",
    "test_a_killed_driver_is_resumed_and_an_interrupted_one_again",
    "test_a_sweep_keeps_its_secrets",
    "test_it_ends_with_a_table_and_every_run_closed",
    "test_a_killed_trial_goes_on_from_its_last_checkpoint",
    "test_it_is_shown_and_resumed_to_its_end",
    "test_failed_trials_run_again_under_their_numbers_and_in_their_runs",
    "test_two_workers_train_the_same_global_batch",
    "test_trials_open_what_was_decoded_before",
    "test_a_sweep_searches_a_plugin_and_its_results_name_it",
    "test_failed_trials_say_why_and_the_sweep_goes_on",
    "test_the_examples_run_on_a_ray_that_the_process_has_initialised",
    "test_the_page_runs_in_a_notebook",
    "test_every_block_runs_and_prints_what_the_page_shows",
    "test_a_killed_suite_is_finished_by_the_same_command_with_no_run_twice",
    # Of `make test-faults` alone; those that need the undisturbed sweep apart, lest one process waits for another's.
    "test_a_killed_job_is_resumed",
    "test_a_killed_study_is_resumed_by_a_machine_that_has_none_of_it",
    "test_a_driver_dies_long_after_its_last_snapshot",
    "test_no_trial_is_stopped_before_the_epochs_that_its_run_shows",
)
"""Slow tests that start first, so that the processes of a run end at about the same time."""

"""Names of the files of a run directory, and the exit statuses of its commands. Reached through ``contract``."""

from __future__ import annotations

SCHEMA = 1

CONFIG_FILE = "config.json"
TRAIN_FILE = "train.jsonl"
VALIDATION_FILE = "validation.jsonl"
TRAIN_PREFERENCES_FILE = "train_preferences.jsonl"
VALIDATION_PREFERENCES_FILE = "validation_preferences.jsonl"
DIFFICULTY_FILE = "difficulty.jsonl"
FACTS_FILE = "validation_facts.jsonl"
GENERAL_FILE = "general.jsonl"
REPLAY_FILE = "replay.json"
TRAIN_LABELS_FILE = "train_labels.jsonl"
VALIDATION_LABELS_FILE = "validation_labels.jsonl"
QUESTIONS_FILE = "questions.jsonl"  # of a judge: id, prompt, verdicts
VERDICTS_FILE = "verdicts.jsonl"
EXPLANATION_FILE = "explanation.json"
PROMPTS_FILE = "prompts.jsonl"
EVENTS_FILE = "events.jsonl"
LOG_FILE = "log.txt"
PREVIEW_FILE = "preview.json"
PREVIEW_ROWS_FILE = "preview_rows.jsonl"
RANGE_FILE = "range.json"
OUTPUTS_FILE = "outputs.jsonl"
METRICS_FILE = "metrics.json"
TEXTS_FILE = "texts.jsonl"  # of an encoder: id, text
VECTORS_FILE = "vectors.npy"  # of those texts, in their order
SUITE_ITEMS_FILE = "suite_items.jsonl"
SUITE_ANSWERS_FILE = "suite_answers.jsonl"
RESULT_FILE = "result.json"
CANCEL_FILE = "cancel"  # its existence asks the trainer to save a checkpoint and stop; its text may say why
PAUSE = "pause"  # text of the cancel file when the run is only to wait
LOCK_FILE = "lock"  # flock: two trainers never share a run directory
CHECKPOINTS_DIR = "checkpoints"
BATCH_FILE = "batch.json"  # the micro-batch that memory allowed, where it was less than asked for
LAUNCH_FILE = "accelerate.json"  # generated for `accelerate launch`, where a run has several processes
RANKS_DIR = "ranks"  # what the processes of such a run leave beside the events of the first
MANIFEST_FILE = "manifest.json"  # what the run is made of and what became of it; README.md says it in words
README_FILE = "README.md"
TENSORBOARD_DIR = "tensorboard"
ADAPTER_DIR = "adapter"
MODEL_DIR = "model"

# Exit statuses of ``python -m training``; anything else is a bug and its log says which.
EXIT_OK = 0
EXIT_FAILED = 3  # an expected failure: the last "failed" event carries a sentence for a person
EXIT_CANCELLED = 4
EXIT_LOCKED = 5
EXIT_DISK_FULL = 6  # no room even for the last event, perhaps; checkpoints written before are whole
EXIT_RANK_LOST = 7  # one of several processes was killed: go on from the last checkpoint

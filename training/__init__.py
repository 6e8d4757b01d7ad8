"""Fine-tuning, generation and measurement on a run directory. No Django, no database, no network."""

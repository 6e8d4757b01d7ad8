"""Text that must stay out of training: overlap with held-out sets and declared benchmarks."""

"""Synthetic samples: reworded, with noise as the corpus has it, or written by a model; checked before people look."""

"""Labelling functions: rules and Python files that vote for classes, how well they do, and one label from all votes."""

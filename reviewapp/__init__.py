"""Countersign: experts decide what a language model learns from, and whether it may ship."""

__version__ = "0.1.0"

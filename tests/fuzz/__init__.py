"""Hostile input for each parser: a value or a clean refusal, never a crash."""

"""Verdicts and events."""

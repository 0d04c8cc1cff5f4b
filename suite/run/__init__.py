"""Runs from request to record."""

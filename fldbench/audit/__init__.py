"""Audits of results: what numbers alone do not show."""

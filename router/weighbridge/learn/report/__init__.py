"""Scores beside what two models got, as one HTML page and the same numbers as JSON."""

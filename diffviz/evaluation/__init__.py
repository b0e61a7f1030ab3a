"""Metrics, and the results that were measured beforehand and are stored in assets/."""

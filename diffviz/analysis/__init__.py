"""Measured on a trajectory while a page waits: guidance, samplers side by side, prediction targets, captions."""

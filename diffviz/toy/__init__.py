"""Diffusion and its alternatives on points in the plane, trained in seconds."""

"""How a denoiser is run for many: whose turn it is."""

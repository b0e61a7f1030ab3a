"""The mathematics of diffusion: noise schedules, the forward process, samplers and guidance. Needs torch alone."""

"""The networks: the U-Net and its text encoder, the denoiser made of them, the classifier, and their weights."""

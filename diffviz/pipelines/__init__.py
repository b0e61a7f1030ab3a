"""Text to image, image to image and inpainting: settings in, sampling trajectory out."""

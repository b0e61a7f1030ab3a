"""Images from outside, and the scaling between pixel values and the network's range."""

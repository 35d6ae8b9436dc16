"""Training a model of one's own: synthetic series, the loss, the loop."""

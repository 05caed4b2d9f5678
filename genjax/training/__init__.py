"""Training: `fit`, its loop, epochs and steps; optimizers, callbacks and loggers."""

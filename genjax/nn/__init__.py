"""Building blocks of the models: convolutions and networks."""

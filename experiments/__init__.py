"""Named experiments: what `make train-NAME` trains, and what is to be expected of it."""

"""The speed of genjax beside the same models written as usual: `python -m experiments.bench`."""

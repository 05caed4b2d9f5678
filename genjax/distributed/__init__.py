"""Many devices, many hosts and many seeds: what of a training lies where."""

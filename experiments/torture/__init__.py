"""Does a run survive kills, damage, a full disk and a read-only folder? `make torture`.

tiny_runs.py   the runs: tiny, of a VAE and of a GAN, with a checkpoint after every epoch
kills.py       processes that are killed at random moments
flips.py       files in which one bit is changed
disks.py       disks that are full, and folders that cannot be written

Each trial raises `Lost` at the first loss, and returns what it has counted.
"""

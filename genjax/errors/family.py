"""The errors of genjax: one family, whose messages say what is wrong, where, and what to do."""


class UserError(Exception):
    """The user gave something that cannot be used. The message says what, where, and what to do."""


class MissingCapability(UserError, TypeError):
    """A model has no method for what was asked of it."""


class FileError(UserError, OSError):
    """A file or folder cannot be read or written: no room, no right, or no such place."""


class CheckpointError(UserError):
    """A run has no whole checkpoint, or a file of weights is damaged."""


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number."""


class HostLost(UserError):
    """Another host of the run has ended or never come, so that this one cannot go on."""

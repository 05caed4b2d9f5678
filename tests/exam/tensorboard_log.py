"""Every number of an epoch's metrics, for TensorBoard."""

from tensorboardX import SummaryWriter

import genjax


class TensorBoard(genjax.Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_start(self, epoch, params, metrics):
        self.writer = SummaryWriter(self.folder, purge_step=epoch + 1)  # a run that goes on

    def on_epoch(self, epoch, params, metrics):
        for name, value in metrics.items():
            if isinstance(value, int | float):
                self.writer.add_scalar(name, value, epoch)

    def on_end(self):
        self.writer.close()

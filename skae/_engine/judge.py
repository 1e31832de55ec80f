"""How good a network is on given rows."""

from skae._training.data import weighted_mean
from skae._training.loop import row_losses


class Judge:
    """Judges a network by rows, those set apart above all.

    Parameters
    ----------
    rows : Rows
    plan : Plan
    seed : int
        Of the noise, the same in each epoch.
    """

    def __init__(self, rows, plan, seed):
        self.rows = rows
        self.weight = rows.weight
        self._plan, self._seed = plan, seed

    def start_losses(self, network):
        """Return the losses of the rows before the first epoch."""
        return row_losses(network, self.rows, self._plan, self._seed)

    def measure(self, state):
        """Return the losses of the rows after an epoch."""
        return row_losses(state.result, self.rows, self._plan, self._seed)

    def mean_loss(self, state):
        """Return the rows' mean loss after an epoch."""
        return float(weighted_mean(self.measure(state), self.weight))

"""What every fitted estimator with a network has in common."""

import math

from sklearn.utils.validation import check_is_fitted

from skae._engine.fitted_attributes import make_codec
from skae._networks.summary import network_summary
from skae._utils.device import own_defaults
from skae._utils.threads import limit_threads


class FittedNetworkMixin:
    """The network in use, its pickle and its summary.

    An estimator is fitted once it has `network_`. `_codec` holds copies of `_scaling`,
    `network_` and the head in two precisions, which a pickle leaves out.
    """

    # Samples of the first calls of `partial_fit`, while they are few.
    _early_rows = None
    # Number of samples that its scales and axes were made from; many if it is unknown.
    _n_at_start = math.inf

    def summary(self):
        """Return a table of the network's layers and parameters.

        Returns
        -------
        summary : str
            One line for each array of weights, its shape and size, and their total.
        """
        check_is_fitted(self)
        return network_summary(type(self).__name__, self.network_)

    def _current_head(self):
        """Return the `Head` between the network's codes and the user's."""
        return self._head

    def _codec_for(self):
        check_is_fitted(self)
        return self._codec

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_codec", None)
        return state

    @own_defaults()
    @limit_threads(1)
    def __setstate__(self, state):
        super().__setstate__(state)
        if "network_" in state:
            self._codec = make_codec(
                self._scaling, self.network_, self._current_head(), self.n_threads
            )

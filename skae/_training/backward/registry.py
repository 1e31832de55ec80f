"""The tape of each network that can be trained without autograd."""

from skae._networks.activations import ACTIVATION_GRADIENTS, activate
from skae._networks.dense import DenseAutoencoder
from skae._networks.layer_autoencoder import LayerAutoencoder
from skae._networks.layers import MLP
from skae._networks.predictor import StackedPredictor
from skae._networks.sparse import RectifiedAutoencoder
from skae._networks.unrolled import UnrolledAutoencoder
from skae._networks.variational import VariationalAutoencoder
from skae._training.backward.dense import (
    DenseTape,
    LinearPathTape,
    RectifiedTape,
    UnrolledTape,
)
from skae._training.backward.layers import LayersTape, MLPTape
from skae._training.backward.variational import VariationalTape


def make_tape(network):
    """Return the tape of a network, or None if only autograd can train it."""
    kind = TAPES.get(type(network))
    if kind is None or not _is_elementwise(network):
        return None
    return kind(network)


def _is_elementwise(network):
    """Whether the layers are separated by elementwise activations only."""
    if isinstance(network, LayerAutoencoder):
        return "maxout" not in (network.activation, network.activation_below)
    perceptrons = [m for m in network.modules() if isinstance(m, MLP)]
    return all(m.activation != "maxout" and not m.norms for m in perceptrons)


def _dense_tape(network):
    return (LinearPathTape if network.linear_path else DenseTape)(network)


class LayerTape(LayersTape):
    """Forward and backward pass of a `LayerAutoencoder`."""

    def __init__(self, network):
        super().__init__([network.encoder, network.decoder], network.activation)
        self._below = network.activation_below

    def forward(self, h, generator, linear_codes=None):
        """Reconstruct rows; `linear_codes` are not used, there is no linear path."""
        output, self._output = activate(self._below, super().forward(h, generator))
        return output

    def backward(self, gradient):
        """Set the parameters' gradients from that of the reconstruction."""
        back = ACTIVATION_GRADIENTS[self._below]
        super().backward(back(gradient, self._output), to_input=False)


class PredictorTape(MLPTape):
    """Forward and backward pass of a `StackedPredictor`."""

    def __init__(self, network):
        super().__init__(network.f)

    def backward(self, gradient):
        """Set the parameters' gradients from that of the outputs."""
        super().backward(gradient, to_input=False)


TAPES = {
    DenseAutoencoder: _dense_tape,
    LayerAutoencoder: LayerTape,
    RectifiedAutoencoder: RectifiedTape,
    StackedPredictor: PredictorTape,
    UnrolledAutoencoder: UnrolledTape,
    VariationalAutoencoder: VariationalTape,
}

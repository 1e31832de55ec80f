"""The base of the stacked classifier and regressor: greedy pretraining."""

from abc import ABCMeta

import torch

from skae._engine.config import resolve_config, training_dtype
from skae._engine.dataset import make_rows
from skae._engine.initialization import InitialModel
from skae._engine.pretraining.greedy import (
    corruption_levels,
    pretrain_layers,
    resolve_pretraining,
)
from skae._estimators.supervised.base import BasePredictor
from skae._networks.layers import layerwise_init
from skae._networks.predictor import StackedPredictor
from skae._networks.scaling import Scaling
from skae._utils.random import make_generator
from skae._utils.threads import limit_threads
from skae._utils.validation import check_hidden_layer_sizes


class BaseStackedDAE(BasePredictor, metaclass=ABCMeta):
    """A multilayer perceptron whose hidden layers are pretrained one by one."""

    def _sizes(self):
        """Return the widths of the hidden layers."""
        sizes = check_hidden_layer_sizes(self.hidden_layer_sizes)
        if not sizes:
            raise ValueError(
                "The 'hidden_layer_sizes' parameter must contain at least one width, "
                "from the input on: the last hidden layer is the code. Got "
                f"{self.hidden_layer_sizes!r} instead."
            )
        return sizes

    def _network(self, n_features, n_outputs):
        return StackedPredictor(
            n_features, n_outputs, self._sizes(), self.activation, dropout=self.dropout
        )

    def _network_from_parameters(self, n_outputs):
        return self._network(self.n_features_in_, n_outputs)

    def _n_stages_before(self):
        return 0 if self.pretraining is None else len(self._sizes())

    def _initialize(self, pool, n_outputs, seed, progress):
        corruption_levels(self.corruption, self.corruption_level, len(self._sizes()))
        network = self._network(pool.X.shape[1], n_outputs)
        network.to(training_dtype(self.precision))
        init = layerwise_init(self.init, self.activation)
        network.initialize(init, make_generator(seed))
        scaling = Scaling.fit(pool.X, "identity", pool.weight)
        curves = None
        if self.pretraining is not None:
            curves = self._pretrain(network, scaling, pool, seed, progress)
        own = {"pretraining_loss_curves_": curves}
        return InitialModel(scaling, network.eval()), own

    def _pretrain(self, network, scaling, pool, seed, progress):
        """Set the hidden layers' weights; return the loss curve of each."""
        name, parameters = type(self).__name__, self._training_parameters()
        config = resolve_config(name, parameters, network, len(pool.X), seed)
        sizes = self._sizes()
        activations = [self.activation] * len(sizes)
        rows = make_rows(scaling, pool, config.dtype, config.device)
        with limit_threads(config.n_threads):
            stack = pretrain_layers(
                config,
                resolve_pretraining(self.get_params(deep=False), activations),
                sizes,
                activations,
                rows,
                scaling,
                progress,
            )
            layers, curves = zip(*stack, strict=True)
        with torch.no_grad():
            for layer, learned in zip(network.hidden_layers, layers, strict=True):
                layer.weight.copy_(learned.weight)
                layer.bias.copy_(learned.bias)
        return list(curves)

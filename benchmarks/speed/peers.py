"""Other libraries with the network, batches, epochs and rate of a workload.

Imports are inside the functions, for a peer may be missing. What a library does beside
training stays as its users get it: pyod's scores of the rows, pythae's copy of the best
model and its files.
"""

import logging
import tempfile
from contextlib import contextmanager

import torch

from benchmarks.speed import networks
from benchmarks.speed.fitted import CHUNK, Fitted


def skorch(workload, X):
    """Fit skorch's regressor to its own input, without a validation split."""
    from skorch import NeuralNetRegressor

    model = NeuralNetRegressor(
        networks.Dense,
        module__widths=workload.widths,
        optimizer=torch.optim.Adam,
        lr=workload.learning_rate,
        max_epochs=workload.epochs,
        batch_size=workload.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return Fitted(model.fit(X, X).predict)


def pyod(workload, X):
    """Fit pyod's detector without batch norm, dropout and standardization."""
    from pyod.models.auto_encoder import AutoEncoder

    model = AutoEncoder(
        preprocessing=False,
        lr=workload.learning_rate,
        epoch_num=workload.epochs,
        batch_size=workload.batch_size,
        optimizer_params={},
        hidden_neuron_list=list(workload.widths[1:]),
        batch_norm=False,
        dropout_rate=0.0,
        verbose=0,
    )
    model.fit(X)
    return Fitted(torch.no_grad()(lambda X: model.model(torch.from_numpy(X)).numpy()))


def pythae(workload, X):
    """Fit pythae's autoencoder, or its variational one, by its pipeline."""
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    model = _pythae_model(workload)
    with tempfile.TemporaryDirectory() as folder, _without_logs():
        config = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=workload.batch_size,
            num_epochs=workload.epochs,
            learning_rate=workload.learning_rate,
        )
        TrainingPipeline(model=model, training_config=config)(train_data=X)
    model.eval()

    @torch.no_grad()
    def reconstruct(X):
        return model.decoder(model.encoder(torch.from_numpy(X)).embedding)[
            "reconstruction"
        ].numpy()

    return Fitted(reconstruct)


@contextmanager
def _without_logs():
    """Its modules log to the console whatever level is set."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _pythae_model(workload):
    from pythae.models import AE, VAE, AEConfig, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    network = networks.build(workload)
    is_variational = workload.kind == "variational"

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.network = network.posterior if is_variational else network.encode

        def forward(self, x):
            codes = self.network(x)
            if not is_variational:
                return ModelOutput(embedding=codes)
            mean, log_variance = codes.chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.network = network.decode

        def forward(self, z):
            output = self.network(z)
            if is_variational:
                output = torch.sigmoid(output)
            return ModelOutput(reconstruction=output)

    shape = {"input_dim": workload.widths[:1], "latent_dim": workload.widths[-1]}
    if is_variational:
        config = VAEConfig(reconstruction_loss="bce", **shape)
        return VAE(config, encoder=Encoder(), decoder=Decoder())
    return AE(AEConfig(**shape), encoder=Encoder(), decoder=Decoder())


def keras(workload, X):
    """Fit a model of Keras, which runs on torch."""
    import keras

    x = keras.Input(workload.widths[:1])
    h = _keras_hidden(x, workload.widths[1:-1])
    if workload.kind == "variational":
        code, z = _keras_posterior(h, workload.widths[-1])
        activation, loss = "sigmoid", _summed_cross_entropy
    else:
        code = z = keras.layers.Dense(workload.widths[-1])(h)
        activation, loss = None, "mse"
    h = _keras_hidden(z, workload.widths[-2:0:-1])
    model = keras.Model(x, keras.layers.Dense(workload.widths[0], activation)(h))
    model.compile(keras.optimizers.Adam(workload.learning_rate), loss=loss)
    model.fit(X, X, batch_size=workload.batch_size, epochs=workload.epochs, verbose=0)
    encoder = keras.Model(x, code)
    return Fitted(
        lambda X: model.predict(X, batch_size=CHUNK, verbose=0),
        lambda X: encoder.predict(X, batch_size=CHUNK, verbose=0),
    )


def _keras_hidden(h, widths):
    import keras

    for width in widths:
        h = keras.layers.Dense(width, activation="relu")(h)
    return h


def _keras_posterior(h, n_codes):
    """Return means of codes, and codes that are drawn in training."""
    import keras
    from keras import ops

    class Draw(keras.layers.Layer):
        def call(self, mean, log_variance, training=False):
            divergence = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
            self.add_loss(ops.mean(ops.sum(divergence, axis=1)) / 2)
            if not training:
                return mean
            return mean + ops.exp(log_variance / 2) * keras.random.normal(mean.shape)

    mean, log_variance = (keras.layers.Dense(n_codes)(h) for _ in range(2))
    return mean, Draw()(mean, log_variance)


def _summed_cross_entropy(target, output):
    from keras import ops

    return ops.sum(ops.binary_crossentropy(target, output), axis=1)

"""The recurrent autoencoder."""

import math
import numbers
from dataclasses import dataclass

import numpy as np

from skae._estimators.base.autoencoder import BaseAutoencoder
from skae._estimators.sequences.sequence_shape import (
    check_flat_sequences,
    mark_padding,
    resolve_frame_length,
    resolve_sequence_shape,
)
from skae._networks.recurrent import CELLS, SequenceAutoencoder
from skae._parameters.document import Parameter, document
from skae._parameters.shared import ATTRIBUTES, PARAMETERS
from skae._training.criterion import Criterion
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from, reals

_ATTRIBUTES = """
sequence_shape_ : tuple of two ints
    Number of steps and number of features of the sequences.
frame_length_ : int
    Number of steps that the network reads and writes at once.
mean_ : ndarray of shape (n_features,)
    Mean of the training samples, without their padding.
"""


@dataclass(frozen=True)
class PaddedLoss(Criterion):
    r"""A loss that is zero where the target is padding, which is NaN.

    The other elements are multiplied by :math:`p / \bar p`, p being the number of
    columns and :math:`\bar p` the mean number of values of a training row. The mean
    over the columns is then

    .. math:: \frac{1}{\bar p} \sum_{t \le T} \sum_j \ell(\hat x_{tj}, x_{tj})

    with T the length of the row's sequence, so that each value has the same weight in
    long and in short sequences.

    Parameters
    ----------
    criterion : Criterion
    row_size : float
        :math:`\bar p`.
    """

    criterion: Criterion
    row_size: float

    def losses(self, output, target):
        """Return the loss of each element."""
        errors = self.criterion.losses(output, target.nan_to_num(0.0))
        errors = errors.masked_fill(target.isnan(), 0.0)
        return errors * (target.shape[1] / self.row_size)


@document(
    PARAMETERS,
    _ATTRIBUTES,
    ATTRIBUTES,
    n_components="""
        Number of codes; None means 32. A float in (0, 1) and 'mle' are as in
        `AutoencoderTransformer`.
        """,
    sequence_shape=Parameter(
        ["array-like", None],
        """
        (n_timesteps, n_features) of each sequence. A row of X is
        ``sequence.reshape(-1)``. None means that each step is one column.
        """,
        "tuple of two ints or None",
    ),
    cell=Parameter(
        [StrOptions(set(CELLS))],
        """
        Gated recurrent unit [2]_ or long short-term memory [3]_.
        """,
    ),
    hidden_size=Parameter(
        [integers_from(1)],
        """
        Number of units of each recurrent layer of the encoder (in each direction) and
        of the decoder.
        """,
    ),
    n_layers=Parameter(
        [integers_from(1)],
        """
        Number of recurrent layers of the encoder and of the decoder.
        """,
    ),
    bidirectional=Parameter(
        ["boolean"],
        """
        Whether the encoder reads each sequence from both ends, by separate cells.
        """,
    ),
    frame_length=Parameter(
        [integers_from(1), StrOptions({"auto"})],
        """
        Number of steps that are read, and written, at once: a sequence of T steps takes
        ``T / frame_length`` steps of the cells. 'auto' means the smallest number with
        which these are at most 32.
        """,
    ),
    padding_value=Parameter(
        [reals(None, None, "neither"), "nan", None],
        """
        Value that marks the end of shorter sequences: steps at the end of a row, all of
        whose features have this value, are ignored. It may be NaN, which
        `StandardScaler` leaves unchanged. None means that all steps count.
        """,
        "float or None",
    ),
    init="""
        Distribution of the initial weights, gate by gate; those from step to step are
        always orthogonal. 'auto' means 'xavier_uniform'. 'uniform', 'normal' and
        'truncated_normal' have a standard deviation in proportion to 1 / sqrt(fan_in),
        and 'constant' is 1 / fan_in.
        """,
    dropout="""
        Share of the values between recurrent layers that are set to zero during
        training; without effect for one layer.
        """,
)
class RecurrentAutoencoder(BaseAutoencoder):
    r"""Recurrent autoencoder of sequences of equal or unequal length.

    The encoder reads a sequence frame by frame, and its last state gives the code; the
    decoder starts from the code and writes the sequence [1]_,

    .. math:: h_t = \mathrm{cell}(x_t, h_{t-1}), \quad z = A h_T + a, \qquad
              s_t = \mathrm{cell}\big((z, c_t), s_{t-1}\big), \quad
              \hat x_t = B s_t + b, \quad s_0 = \tanh(C z + c),

    with a clock :math:`c_t`. The weights are the same at every step, and a sequence may
    be shorter than the others (`padding_value`). Sequences are flat rows of X, as
    everywhere in scikit-learn, and `sequence_shape` is their shape.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderTransformer : Has dense layers, and starts from PCA.
    ConvolutionalAutoencoder : Has kernels that are the same at every place.

    Notes
    -----
    There is no linear path. Codes are uncorrelated, as those of PCA.

    A code does not contain the length of its sequence: `inverse_transform` and
    `decoder_` return all steps, and `reconstruct` restores the padding of X. `encoder_`
    expects NaN for padding. `score_samples` sums over the steps of a sequence without
    its padding; divide by the length to compare sequences of unequal length.

    References
    ----------
    .. [1] N. Srivastava, E. Mansimov and R. Salakhutdinov, "Unsupervised learning of
       video representations using LSTMs", ICML 2015.
    .. [2] K. Cho et al., "Learning phrase representations using RNN encoder-decoder
       for statistical machine translation", EMNLP 2014.
    .. [3] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural
       Computation 9, 1997.

    Examples
    --------
    Sine waves with two channels and 15 to 24 steps:

    >>> import numpy as np
    >>> from skae import RecurrentAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> phases, lengths = rng.uniform(0, 6, size=(300, 1)), rng.integers(15, 25, 300)
    >>> angles = phases + np.arange(24) / 3
    >>> X = np.stack([np.sin(angles), np.cos(angles)], axis=2)
    >>> X[np.arange(24) >= lengths[:, np.newaxis]] = np.nan
    >>> autoencoder = RecurrentAutoencoder(
    ...     2,
    ...     sequence_shape=(24, 2),
    ...     padding_value=np.nan,
    ...     hidden_size=16,
    ...     max_iter=30,
    ...     random_state=0,
    ... )
    >>> codes = autoencoder.fit_transform(X.reshape(300, -1))
    >>> codes.shape
    (300, 2)
    >>> autoencoder.score(X.reshape(300, -1))
    0.99...
    """

    def __init__(
        self,
        n_components=None,
        *,
        sequence_shape=None,
        cell="gru",
        hidden_size=64,
        n_layers=1,
        bidirectional=True,
        frame_length="auto",
        padding_value=None,
        out_activation="auto",
        loss="squared_error",
        init="auto",
        dropout=0.0,
        max_norm=None,
        average=True,
        alpha=0.0,
        l1_ratio=0.0,
        solver="adamw",
        learning_rate_init=0.01,
        learning_rate="constant",
        batch_size="auto",
        max_iter=100,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping="auto",
        validation_fraction=0.1,
        warm_start=False,
        whiten=False,
        device="auto",
        precision="float32",
        n_threads=None,
        verbose=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.sequence_shape = sequence_shape
        self.cell = cell
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.bidirectional = bidirectional
        self.frame_length = frame_length
        self.padding_value = padding_value
        self.out_activation = out_activation
        self.loss = loss
        self.init = init
        self.dropout = dropout
        self.max_norm = max_norm
        self.average = average
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.whiten = whiten
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state

    def reconstruct(self, X):
        """Return X encoded and decoded, with its padding unchanged.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            In the units of `X`.
        """
        codec = self._codec_for()
        X = self._check_rows(X)
        reconstructed = codec.decode(codec.encode(X))
        if self.padding_value is not None:
            reconstructed[np.isnan(X)] = self.padding_value
        return reconstructed

    def _check_layout(self, X, name):
        check_flat_sequences(X, name, type(self).__name__, self.padding_value)

    def _mark_missing(self, X, name):
        shape = resolve_sequence_shape(self.sequence_shape, X.shape[1])
        if self.padding_value is None:
            return X
        return mark_padding(X, shape, self.padding_value, name)

    def _default_n_components(self, n_features):
        return 32

    def _make_criterion(self, scaling):
        return PaddedLoss(super()._make_criterion(scaling), scaling.row_size)

    def _build_network(self, shape, n_components):
        sequence_shape = resolve_sequence_shape(self.sequence_shape, shape[1])
        return SequenceAutoencoder(
            sequence_shape=sequence_shape,
            n_components=n_components,
            cell=self.cell,
            hidden_size=self.hidden_size,
            n_layers=self.n_layers,
            bidirectional=self.bidirectional,
            frame_length=resolve_frame_length(self.frame_length, sequence_shape[0]),
            dropout=self.dropout,
        )

    def _own_attributes(self, attributes, samples):
        layout = attributes["network_"].f.layout
        return {
            "sequence_shape_": (layout.n_timesteps, layout.n_features),
            "frame_length_": layout.frame_length,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        value = self.padding_value
        is_nan = isinstance(value, numbers.Real) and math.isnan(value)
        tags.input_tags.allow_nan = is_nan
        return tags

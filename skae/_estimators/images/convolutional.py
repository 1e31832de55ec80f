"""The convolutional autoencoder."""

import functools
import math

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._estimators.base.denoising import (
    BaseDenoisingAutoencoder,
    check_emphasis,
    make_corruption,
)
from skae._estimators.images.image_shape import (
    channel_range,
    check_flat_images,
    resolve_channels,
    resolve_image_shape,
    resolve_kernel_size,
)
from skae._networks.convolution import POOLINGS, UPSAMPLINGS
from skae._networks.convolutional import ConvolutionalNetwork, UNet
from skae._parameters import denoising, shared
from skae._parameters.document import Parameter, document
from skae._utils.sklearn_compat import StrOptions
from skae._utils.validation import integers_from

_ATTRIBUTES = """
image_shape_ : tuple of three ints
    Height, width and channels of the images.
feature_map_shape_ : tuple of three ints
    Height, width and channels of the innermost feature map, which with
    ``n_components=None`` is the code: ``codes.reshape(-1, *feature_map_shape_)``.
encoder_, decoder_ : torch.nn.Module
    Map samples to codes and codes to samples, as tensors in float32. With skip
    connections there is no `decoder_`.
"""


def _has_decoder(estimator):
    """Whether the codes alone determine a reconstruction, for `available_if`."""
    if hasattr(estimator, "network_"):
        skips = not hasattr(estimator.network_, "decode")
    else:
        skips = estimator.skip_connections
    if skips:
        raise AttributeError(
            "inverse_transform is not available with skip_connections=True: besides "
            "the codes, the decoder needs the feature maps of the encoder. Use "
            "reconstruct, which receives the images, or skip_connections=False."
        )
    return True


@document(
    shared.PARAMETERS | denoising.PARAMETERS,
    _ATTRIBUTES,
    denoising.ATTRIBUTES,
    shared.ATTRIBUTES,
    n_components="""
        Number of codes, computed by a dense layer after the last feature map. None
        omits that layer: the code is the feature map, flattened. A float in (0, 1) and
        'mle' are as in `AutoencoderTransformer`.
        """,
    image_shape=Parameter(
        ["array-like", None],
        """
        (height, width) or (height, width, channels) of each image, whose pixels are in
        numpy's order: a row of X is ``image.reshape(-1)``. None means a square if the
        number of features is a square number, otherwise a single row of pixels.
        """,
        "tuple of two or three ints or None",
    ),
    channels=Parameter(
        ["array-like", integers_from(1)],
        """
        Channels of the feature map of each stage, from the image to the code. A stage
        is a convolution and a pooling, which halves height and width; the decoder
        mirrors the stages.
        """,
        "tuple of int or int",
    ),
    kernel_size=Parameter(
        ["array-like", integers_from(1)],
        """
        Side, or height and width, of the kernels.
        """,
        "int or tuple of two ints",
    ),
    pooling=Parameter(
        [StrOptions(set(POOLINGS))],
        """
        How height and width are halved (an odd length is rounded up): by a convolution
        of every second pixel, or by the maximum or the mean of two by two pixels after
        the convolution. 'stride' preserves positions best; 'max' is usual for codes
        that are to be classified.
        """,
    ),
    upsampling=Parameter(
        [StrOptions(set(UPSAMPLINGS))],
        """
        How height and width are doubled in the decoder: by a transposed convolution,
        or by repeating each pixel before a convolution, which is smoother.
        """,
    ),
    skip_connections=Parameter(
        ["boolean"],
        """
        Whether the decoder also receives the feature map of the encoder at each size: a
        U-Net [2]_. It restores images to the pixel and needs noisy images
        (`corruption`) or pairs (`X_target`), because it could otherwise copy its input.
        Its codes alone do not suffice to reconstruct the image.
        """,
    ),
    corruption=Parameter(
        [*denoising.PARAMETERS["corruption"].constraint, None],
        """
        Corruption that the network learns to undo, drawn anew for each batch. 'masking'
        sets values to the mean of their pixel, 'gaussian' adds normal noise,
        'salt_and_pepper' sets values to the minimum or maximum of their channel in all
        images, and 'swap' to the value of the same pixel in another image. A callable
        is called as ``corruption(X, random_state)`` with a batch in the units of X
        (ndarray of flat images) and a `RandomState`, and returns a corrupted copy. With
        None the images are reconstructed as they are.
        """,
    ),
)
class ConvolutionalAutoencoder(BaseDenoisingAutoencoder):
    r"""Convolutional autoencoder of images: plain, denoising or a U-Net.

    Each stage of the encoder is a convolution, an activation and a pooling that halves
    height and width [1]_,

    .. math:: h_s = \mathrm{pool}\big(\phi(w_s * h_{s-1} + b_s)\big), \qquad h_0 = x,

    and the decoder mirrors the encoder. A kernel is the same at every place of an
    image, so that a few thousand weights are enough for images of any size. Images are
    flat rows of X, as everywhere in scikit-learn, and `image_shape` is their shape.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    AutoencoderTransformer : Has dense layers, and starts from PCA.
    DenoisingAutoencoder : Has dense layers that undo a corruption.

    Notes
    -----
    A row of `X_target` has as many values as a row of X: repeat a mask for each color.
    After a fit to pairs, `reconstruct` returns images in the units of `X_target`.

    There is no linear path. The codes of a dense layer (`n_components`) are
    uncorrelated, as those of PCA. The codes of a feature map are those of the network,
    and uncorrelated only with ``whiten=True``.

    References
    ----------
    .. [1] J. Masci, U. Meier, D. Ciresan and J. Schmidhuber, "Stacked convolutional
       auto-encoders for hierarchical feature extraction", ICANN 2011.
    .. [2] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for
       biomedical image segmentation", MICCAI 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ConvolutionalAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = ConvolutionalAutoencoder(
    ...     16, image_shape=(8, 8), channels=(32, 32), max_iter=20, random_state=0
    ... )
    >>> codes = autoencoder.fit_transform(X)
    >>> codes.shape, autoencoder.feature_map_shape_
    ((1797, 16), (2, 2, 32))
    >>> autoencoder.score(X)
    0.94...
    """

    # With decay a tenth less of the variance is explained.
    _decay_without_path = 0.0

    def __init__(
        self,
        n_components=None,
        *,
        image_shape=None,
        channels=(16, 8),
        kernel_size=3,
        pooling="stride",
        upsampling="transposed",
        skip_connections=False,
        corruption=None,
        corruption_level=0.3,
        emphasis=(1.0, 1.0),
        activation="silu",
        out_activation="auto",
        loss="squared_error",
        init="auto",
        dropout=0.0,
        batch_norm=False,
        max_norm=None,
        average=True,
        alpha="auto",
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
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.upsampling = upsampling
        self.skip_connections = skip_connections
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.emphasis = emphasis
        self.activation = activation
        self.out_activation = out_activation
        self.loss = loss
        self.init = init
        self.dropout = dropout
        self.batch_norm = batch_norm
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

    @available_if(_has_decoder)
    def inverse_transform(self, X):
        """Return the reconstructions of codes; not available with skip connections.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            In the units of the training data.
        """
        return super().inverse_transform(X)

    @property
    def decoder_(self):
        """`torch.nn.Module` from codes to X, in float32; not with skip connections."""
        check_is_fitted(self)
        _has_decoder(self)
        return super().decoder_

    def _check_layout(self, X, name):
        check_flat_images(X, name, type(self).__name__)

    def _check_corruption(self, X_target):
        super()._check_corruption(X_target)
        if self.corruption is not None or X_target is not None:
            return
        on_corrupted, on_rest = check_emphasis(self.emphasis)
        if on_corrupted != on_rest:
            raise ValueError(
                "The 'emphasis' parameter weights the values that a corruption "
                f"changes, but corruption=None. Got {self.emphasis!r}. Use (1, 1)."
            )
        if self.skip_connections:
            raise ValueError(
                "With skip_connections=True the network could copy its input. Use a "
                "corruption, or pass degraded images as X and their targets as "
                "X_target in fit."
            )

    def _make_corruption(self, rows):
        if self.corruption is None:
            return None
        shape = resolve_image_shape(self.image_shape, rows.x.shape[1])
        return make_corruption(
            self.corruption,
            self.corruption_level,
            rows,
            functools.partial(channel_range, n_channels=shape[2]),
        )

    def _default_n_components(self, n_features):
        return math.prod(self._build_network((1, n_features), None).map_shape)

    def _code_form(self):
        if self.n_components is None and not self.whiten:
            return "raw"
        return super()._code_form()

    def _build_network(self, shape, n_components):
        kind = UNet if self.skip_connections else ConvolutionalNetwork
        return kind(
            image_shape=resolve_image_shape(self.image_shape, shape[1]),
            n_components=None if self.n_components is None else n_components,
            channels=resolve_channels(self.channels),
            kernel_size=resolve_kernel_size(self.kernel_size),
            activation=self.activation,
            pooling=self.pooling,
            upsampling=self.upsampling,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )

    def _own_attributes(self, attributes, samples):
        network = attributes["network_"]
        return {
            "image_shape_": network.image_shape,
            "feature_map_shape_": network.map_shape,
        }

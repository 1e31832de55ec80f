"""Paragraphs that the docstrings of the displays share."""

from skae._utils.docstrings import fill_docstrings

fill_display = fill_docstrings(
    {
        "creation": """
            Use `from_estimator` to create a display. All parameters are stored as
            attributes.
            """,
        "ax": """
            ax : matplotlib Axes, default=None
                Axes to draw on. If None, a new figure is created.
            """,
        "image_shape": """
            image_shape : tuple of int, default=None
                (height, width) or (height, width, channels) of each image, or
                (n_features,) for curves. None draws squares if the number of features
                is the square of 5 or more, and otherwise curves.
            """,
        "grid_kwargs": """
            **kwargs : dict
                Passed to ``ax.imshow``, or to ``ax.plot`` for curves.
            """,
        "decoder": """
            estimator : estimator
                Fitted transformer with `inverse_transform`: an autoencoder, PCA, or a
                Pipeline that ends in one.
            """,
        "given_y": """
            y : scalar or array-like of shape (n_outputs,), default=None
                Label or target to generate, for estimators whose `inverse_transform`
                takes `y`: one value, or one row of a target with several columns.
            """,
        "value_range": """
            value_range : pair of float, default=None
                Values that are drawn black and white. None takes the range of `images`.
            """,
        "axes_attributes": """
            ax_ : matplotlib Axes
                Axes of the display.
            figure_ : matplotlib Figure
                Figure containing the axes.
            """,
        "grid_attributes": """
            ax_ : matplotlib Axes
                Axes of the display.
            figure_ : matplotlib Figure
                Figure containing the axes.
            image_ : matplotlib AxesImage or None
                All images as one; None for curves.
            lines_ : list of matplotlib Line2D or None
                The curves; None for images.
            """,
    }
)

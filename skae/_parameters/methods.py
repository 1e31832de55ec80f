"""Paragraphs that the docstrings of methods share."""

from skae._utils.docstrings import fill_docstrings

fill_methods = fill_docstrings(
    {
        "X_val": """
            X_val : array-like of shape (n_rows, n_features), default=None
                Validation data for early stopping, instead of samples held out from
                `X`. Passed to a cross-validation as a fit parameter, it is sliced along
                with `X` if both have the same number of samples. In a pipeline,
                ``Pipeline(transform_input=["X_val"])`` transforms it by the preceding
                steps.
            """,
        "sample_weight": """
            sample_weight : array-like of shape (n_samples,), default=None
                Non-negative weights of the samples in the loss and in all statistics of
                the data. A weight of 2 counts as much as repeating the sample.
            """,
        "sample_weight_val": """
            sample_weight_val : array-like of shape (n_rows,), default=None
                Non-negative weights of the samples in `X_val` in the validation loss. A
                weight of 2 counts as much as repeating the sample.
            """,
        "score_weight": """
            sample_weight : array-like of shape (n_samples,), default=None
                Non-negative weights of the samples. A weight of 2 counts as much as
                repeating the sample.
            """,
        "batch_weight": """
            sample_weight : array-like of shape (n_samples,), default=None
                Non-negative weights of the samples.
            """,
        "fit_returns": """
            self : object
                Fitted estimator.
            """,
        "partial_fit_returns": """
            self : object
                Estimator after the epoch.
            """,
        "fit_raises": """
            ValueError
                If data or parameters are invalid, or if the loss is not finite before
                any epoch improved on the start.
            """,
        "partial_fit": """
            Centering, scale, linear path and form of the codes are computed from the
            samples of all calls while there are fewer than 100, or fewer than four per
            component: whenever their number has doubled, training starts again with all
            of them. Later calls keep these quantities. The number of components is that
            of the first call. After `fit`, the first epochs may raise the loss unless
            ``warm_start=True``, because the moments of the optimizer are not kept.
            """,
        "predictor_partial_fit": """
            Centering, scale and the initial network (by pretraining, if there is any)
            are computed from the samples of all calls while there are fewer than 100:
            whenever their number has doubled, training starts again with all of them.
            Later calls keep them. After `fit`, the first epochs may raise the loss
            unless ``warm_start=True``, because the moments of the optimizer are not
            kept.
            """,
    }
)

"""
Monitoring and controlling the training
=======================================

By default the number of epochs is chosen automatically. This example shows how to
inspect the training, how to stop a fit from outside, and how to continue it.
"""

# %%
# The loss curve
# --------------
# Entry 0 of ``loss_curve_`` is the loss before the first epoch, which is PCA's. A tenth
# of the samples is held out, and the epoch with the smallest loss on this validation
# set is kept. For the squared error the loss is the unexplained share of the variance.

from sklearn.datasets import load_digits

from skae import AutoencoderTransformer
from skae.plotting import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test = X[:1200], X[1200:]

autoencoder = AutoencoderTransformer(8, random_state=0).fit(X_train)
display = LossCurveDisplay.from_estimator(autoencoder)
print(f"{autoencoder.n_iter_} epochs, the best is {autoencoder.best_epoch_}")

# %%
# Data for which PCA is optimal
# -----------------------------
# PCA is optimal for normal data. An epoch is accepted only if its improvement on the
# validation set exceeds two standard errors of the improvement. If no epoch is
# accepted, epoch 0 is kept, which is the PCA of all samples.

import numpy as np
from sklearn.decomposition import PCA

rng = np.random.default_rng(1)
axes = rng.normal(size=(3, 20))


def draw(n_samples):
    """Return normal samples with three strong axes, and noise around them."""
    noise = rng.normal(scale=0.5, size=(n_samples, 20))
    return rng.normal(size=(n_samples, 3)) @ axes + noise


X_normal, X_fresh = draw(500), draw(5000)
careful = AutoencoderTransformer(3, random_state=1).fit(X_normal)
display = LossCurveDisplay.from_estimator(careful)

pca = PCA(3).fit(X_normal)
residual = X_fresh - pca.inverse_transform(pca.transform(X_fresh))
explained = 1 - np.square(residual).sum() / np.square(X_fresh - pca.mean_).sum()
print(f"best epoch: {careful.best_epoch_}")
print(f"explained variance of new samples: {careful.score(X_fresh):.5f}")
print(f"                           of PCA: {explained:.5f}")

# %%
# Callbacks
# ---------
# skae reports each epoch to scikit-learn's callbacks. ``ProgressBar`` shows the
# progress of a fit (it requires rich: ``pip install skae[progress]``) and
# ``ScoringMonitor`` records scores. A callback is any object with four methods; if
# ``on_fit_task_end`` returns True after an epoch, the fit stops and keeps its best
# epoch. This one stops after a given time.

import time


class TimeLimit:
    """Stop a fit after a number of seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def setup(self, estimator, context):
        self.end = time.monotonic() + self.seconds

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        return time.monotonic() > self.end

    def teardown(self, estimator, context):
        pass


limited = AutoencoderTransformer(8, random_state=0).set_callbacks(TimeLimit(0.5))
limited.fit(X_train)
print(f"{limited.n_iter_} epochs in half a second, score {limited.score(X_test):.3f}")

# %%
# Continuing a fit
# ----------------
# With ``warm_start=True`` another call of ``fit`` continues where the last one ended,
# including the moments of the optimizer, and extends the curves.

warm = AutoencoderTransformer(8, max_iter=20, warm_start=True, random_state=0)
for _ in range(3):
    warm.fit(X_train)
    print(f"{warm.n_iter_:3} epochs: score {warm.score(X_test):.3f}")
display = LossCurveDisplay.from_estimator(warm)

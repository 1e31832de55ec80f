"""
A drop-in replacement for PCA
=============================

:class:`~skae.AutoencoderTransformer` replaces
:class:`~sklearn.decomposition.PCA` in existing code: it has the same methods, the same
attributes and the same role in a pipeline. It is PCA plus a nonlinear correction, which
is kept only if it reduces the error on held-out samples.
"""

# %%
# One line changes
# ----------------
# Handwritten digits of 8 x 8 pixels are reduced to eight numbers. The same pipeline is
# fitted with PCA and with an autoencoder: reduce, scale, classify.

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def classify_after(reducer):
    classifier = LogisticRegression(max_iter=1000)
    return make_pipeline(reducer, StandardScaler(), classifier)


with_pca = classify_after(PCA(8)).fit(X_train, y_train)
with_autoencoder = classify_after(AutoencoderTransformer(8, random_state=0))
with_autoencoder.fit(X_train, y_train)

print(f"accuracy after PCA:         {with_pca.score(X_test, y_test):.1%}")
print(f"accuracy after autoencoder: {with_autoencoder.score(X_test, y_test):.1%}")

# %%
# Reconstruction
# --------------
# A code is good if the image can be reconstructed from it. The first row shows held-out
# digits; the numbers beside the other rows are the explained variance of all held-out
# digits.

from skae.plotting import ReconstructionDisplay

pca, autoencoder = with_pca[0], with_autoencoder[0]
display = ReconstructionDisplay.from_estimator(
    {"PCA": pca, "Autoencoder": autoencoder}, X_test, cmap="gray_r"
)

# %%
# :meth:`~skae.AutoencoderTransformer.score` is the share of explained variance,
# relative to the training mean.

print(f"score: {autoencoder.score(X_test):.3f}")

# %%
# Linear and nonlinear explained variance
# ---------------------------------------
# Like PCA's, the codes are decorrelated and sorted by decreasing variance.
# ``explained_variance_ratio_`` has the same meaning as for PCA, the share that each
# code explains *linearly*. In this sense PCA is optimal, and the cumulative line of the
# autoencoder lies below it. The dashed lines show the explained variance of the
# reconstruction: for PCA it is the same, for the autoencoder much larger. The
# difference is due to the nonlinear decoder.

from skae.plotting import ScreeDisplay

display = ScreeDisplay.from_estimator({"PCA": pca, "Autoencoder": autoencoder}, X_test)

# %%
# Two codes
# ---------
# With two codes the difference is visible. Neither model has seen the labels.

import matplotlib.pyplot as plt

from skae.plotting import LatentSpaceDisplay

figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
planar = [PCA(2), AutoencoderTransformer(2, random_state=0)]
for ax, model in zip(axes, planar, strict=True):
    LatentSpaceDisplay.from_estimator(
        model.fit(X_train), X_test, y_test, ax=ax, target_name="Digit"
    )
    ax.set_title(f"{type(model).__name__}(2)")
axes[0].get_legend().remove()

# %%
# Tuning
# ------
# An autoencoder can be tuned like any other estimator. Here the number of codes is
# chosen by the accuracy of the classifier.

from sklearn.model_selection import GridSearchCV

search = GridSearchCV(
    with_autoencoder, {"autoencodertransformer__n_components": [4, 8, 16]}, cv=2
).fit(X_train, y_train)

print("n_components  accuracy in cross-validation")
for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{parameters['autoencodertransformer__n_components']:>12}  {score:.1%}")
print(f"accuracy of the best on held-out samples: {search.score(X_test, y_test):.1%}")

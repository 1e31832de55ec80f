"""
A drop-in for PCA
=================

:class:`~skae.AutoencoderTransformer` takes the place of
:class:`~sklearn.decomposition.PCA` in code that is already there: same methods, same
attributes, same place in a pipeline. It is PCA plus a nonlinear correction, and keeps
the correction only if rows that were not trained on show that it helps.
"""

# %%
# One line changes
# ----------------
# Handwritten digits, 8 x 8 pixels each, are to be summed up in eight numbers. This is
# the pipeline with PCA and the same pipeline with an autoencoder: scale, reduce,
# classify.

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
# What the codes keep
# -------------------
# A code is good if the picture can be drawn again from it. The first row shows digits
# that neither model was trained on; the share beside the others is of the variance of
# all such digits.

from skae.plotting import ReconstructionDisplay

pca, autoencoder = with_pca[0], with_autoencoder[0]
display = ReconstructionDisplay.from_estimator(
    {"PCA": pca, "Autoencoder": autoencoder}, X_test, cmap="gray_r"
)

# %%
# :meth:`~skae.AutoencoderTransformer.score` is that share, measured against the
# training mean.

print(f"score: {autoencoder.score(X_test):.3f}")

# %%
# Where the gain comes from
# -------------------------
# The codes have PCA's form: decorrelated, in order of decreasing variance. So
# ``explained_variance_ratio_`` means what it means for PCA, the share that each code
# explains *linearly*. In that sense PCA cannot be beaten, and the cumulated line of the
# autoencoder lies below. The dashed lines show what is reconstructed: for PCA the same,
# for the autoencoder much more. The difference is what the nonlinear decoder reads from
# the same number of codes.

from skae.plotting import ScreeDisplay

display = ScreeDisplay.from_estimator({"PCA": pca, "Autoencoder": autoencoder}, X_test)

# %%
# Two codes
# ---------
# With two codes the difference can be seen. Neither model was told which digit is
# which.

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
# Searches see an estimator like any other. How many codes does the classifier need to
# be right as often as possible?

from sklearn.model_selection import GridSearchCV

search = GridSearchCV(
    with_autoencoder, {"autoencodertransformer__n_components": [4, 8, 16]}, cv=2
).fit(X_train, y_train)

print("n_components  accuracy in cross-validation")
for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{parameters['autoencodertransformer__n_components']:>12}  {score:.1%}")
print(f"accuracy of the best on rows held out: {search.score(X_test, y_test):.1%}")

"""
Batch size, threads and training time
=====================================

The batch size determines the number of steps per epoch and the cost of a step. With
small batches an epoch takes longer and reduces the loss more; several threads pay off
only for large steps. Both are measured here on handwritten digits, on the machine that
built this page.
"""

# %%
# All fits have the same number of epochs, and are evaluated after each epoch on the
# same 300 held-out digits. The loss is the unexplained share of the variance.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X, _ = load_digits(return_X_y=True)
X_train, X_new = train_test_split(X.astype(np.float32), test_size=300, random_state=0)
n_epochs = 15
batch_sizes = [16, 64, 256, 1024]


def seconds_and_curve(**parameters):
    """Return the seconds per epoch and the validation loss curve."""
    autoencoder = AutoencoderTransformer(
        8, max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0, **parameters
    )
    begin = perf_counter()
    autoencoder.fit(X_train, X_val=X_new)
    seconds = (perf_counter() - begin) / n_epochs
    return seconds, autoencoder.validation_loss_curve_


seconds_and_curve()  # the first fit of a program is slower
results = {
    (size, n_threads): seconds_and_curve(batch_size=size, n_threads=n_threads)
    for size in batch_sizes
    for n_threads in (1, 2)
}

# %%
# Left: the time of an epoch. Right: the validation loss over time, with one thread.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for n_threads, style in [(1, "o-"), (2, "s--")]:
    seconds = [results[size, n_threads][0] for size in batch_sizes]
    label = f"n_threads={n_threads}"
    left.plot(batch_sizes, seconds, style, color="0.3", label=label)
left.set(xlabel="batch_size", ylabel="seconds per epoch", xscale="log", ylim=(0, None))
left.set_xticks(batch_sizes, batch_sizes)
left.minorticks_off()
left.legend(frameon=False)
for size in batch_sizes:
    seconds, curve = results[size, 1]
    times = seconds * np.arange(1, len(curve))
    right.plot(times, curve[1:], "o-", markersize=3, label=f"batch_size={size}")
right.axhline(curve[0], color="0.6", linestyle=":", label="PCA")
right.set(
    xlabel="seconds of training",
    ylabel="unexplained variance, validation",
    xscale="log",
)
right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
right.xaxis.set_major_formatter("{x:g}")
right.minorticks_off()
right.legend(frameon=False)
plt.show()

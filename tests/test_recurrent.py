"""The recurrent autoencoder: its cells, its padding and what it refuses."""

import argparse
import contextlib
import warnings
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks import recurrent as benchmark
from skae import RecurrentAutoencoder
from skae._estimators.sequences.sequence_shape import mark_padding, resolve_frame_length
from skae._networks.recurrent import (
    RecurrentLayer,
    SequenceAutoencoder,
    SequenceLayout,
    clock,
)

N_ROWS, SHAPE = 60, (12, 3)
LENGTHS = np.random.RandomState(1).randint(3, 13, size=N_ROWS)


def waves(n_rows, n_timesteps, seed=0):
    """Return sines of a random phase in three channels, (n_rows, n_timesteps, 3)."""
    rng = np.random.RandomState(seed)
    phase = rng.uniform(0, 2 * np.pi, size=(n_rows, 1, 1))
    times = np.arange(n_timesteps)[:, np.newaxis] / 2
    return np.sin(phase + times + np.arange(3)) + 2.0


FULL = waves(N_ROWS, SHAPE[0])


def ragged(padding_value, n_timesteps=SHAPE[0]):
    """Return flat rows that end at LENGTHS."""
    X = np.full((N_ROWS, n_timesteps, 3), float(padding_value))
    X[:, : SHAPE[0]] = np.where(_is_there()[:, :, np.newaxis], FULL, padding_value)
    return X.reshape(N_ROWS, -1)


def _is_there():
    return np.arange(SHAPE[0]) < LENGTHS[:, np.newaxis]


THERE = np.repeat(_is_there(), 3, axis=1)


def small(**parameters):
    defaults = {"hidden_size": 6, "max_iter": 3, "random_state": 0}
    return RecurrentAutoencoder(
        **{"n_components": 2, "sequence_shape": SHAPE, **defaults, **parameters}
    )


def network(**parameters):
    defaults = {"cell": "gru", "hidden_size": 5, "bidirectional": True}
    made = SequenceAutoencoder(SHAPE, 4, **{**defaults, **parameters})
    made.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    return made.double().eval()


# ----- cells ---------------------------------------------------------------


def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    """Equations of `torch.nn.GRU`."""
    reset, update, new = (w_ih @ x + b_ih).chunk(3)
    reset_h, update_h, new_h = (w_hh @ h + b_hh).chunk(3)
    update = torch.sigmoid(update + update_h)
    proposed = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
    return (1 - update) * proposed + update * h, None


def lstm_step(x, h, w_ih, w_hh, b_ih, b_hh, memory):
    """Equations of `torch.nn.LSTM`."""
    gates = (w_ih @ x + b_ih + w_hh @ h + b_hh).chunk(4)
    admit, forget, write = torch.sigmoid(torch.stack(gates)[[0, 1, 3]])
    memory = forget * memory + admit * torch.tanh(gates[2])
    return write * torch.tanh(memory), memory


def by_hand(cell, layer, x, state, suffix=""):
    """Return the states after each step of one row (n_steps, n_inputs)."""
    weights = [
        getattr(layer, name + suffix)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    h, memory, states = state, torch.zeros_like(state), []
    for step in x:
        if cell == "gru":
            h, _ = gru_step(step, h, *weights)
        else:
            h, memory = lstm_step(step, h, *weights, memory)
        states.append(h)
    return torch.stack(states)


def random_layer(cell, bidirectional=False):
    layer = RecurrentLayer(cell, 3, 5, bidirectional=bidirectional).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return layer


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_layer_takes_the_steps_of_its_equations(cell):
    layer = random_layer(cell)
    x, state = torch.randn(7, 4, 3).double(), torch.randn(1, 4, 5).double()
    outputs, last = layer(x, state)
    for row in range(4):
        expected = by_hand(cell, layer, x[:, row], state[0, row])
        torch.testing.assert_close(outputs[:, row], expected)
        torch.testing.assert_close(last[row], expected[-1])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_each_direction_reads_a_sequence_from_its_own_ends(cell):
    layer = random_layer(cell, bidirectional=True)
    x, lengths, zero = torch.randn(7, 4, 3).double(), [2, 7, 1, 5], torch.zeros(5)
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    _, last = layer(packed)
    for row, length in enumerate(lengths):
        own = x[:length, row]
        forwards = by_hand(cell, layer, own, zero.double())[-1]
        backwards = by_hand(cell, layer, own.flip(0), zero.double(), "_reverse")[-1]
        torch.testing.assert_close(last[row], torch.cat([forwards, backwards]))


def test_gates_are_drawn_one_by_one():
    layer = RecurrentLayer("lstm", 3, 8)
    layer.initialize("xavier_uniform", torch.Generator().manual_seed(0))
    for gate in layer.weight_hh.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8))
    bound = np.sqrt(6 / (3 + 8))
    assert 0.9 * bound < layer.weight_ih.abs().max() <= bound
    assert layer.bias_ih.chunk(4)[1].tolist() == 8 * [1.0]
    assert layer.bias_ih.sum() == 8


# ----- network -------------------------------------------------------------


@pytest.mark.parametrize("frame_length", [1, 3, 5])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_codes_are_those_of_the_sequence_without_its_padding(frame_length, n_layers):
    options = {"frame_length": frame_length, "n_layers": n_layers}
    reader = network(**options)
    rows = torch.from_numpy(ragged(np.nan))
    codes = reader.encode(rows)
    for row, length in enumerate(LENGTHS[:20]):
        alone = SequenceAutoencoder(
            (int(length), 3),
            4,
            cell="gru",
            hidden_size=5,
            bidirectional=True,
            **options,
        ).double()
        alone.load_state_dict(reader.state_dict(), strict=False)
        expected = alone.encode(rows[row : row + 1, : length * 3])
        torch.testing.assert_close(codes[row], expected[0])


def test_further_columns_of_padding_change_no_code_and_no_step():
    reader, longer = (
        network(),
        SequenceAutoencoder(
            (20, 3), 4, cell="gru", hidden_size=5, bidirectional=True
        ).double(),
    )
    longer.load_state_dict(reader.state_dict())
    codes = reader.encode(torch.from_numpy(ragged(np.nan)))
    more = torch.from_numpy(ragged(np.nan, 20))
    torch.testing.assert_close(longer.encode(more), codes)
    torch.testing.assert_close(longer.decode(codes)[:, :36], reader.decode(codes))


def test_padding_has_no_gradient():
    reader = network()
    rows = torch.from_numpy(ragged(np.nan)).requires_grad_()
    reader.encode(rows).square().sum().backward()
    assert_array_equal(rows.grad.numpy() != 0, THERE)


def test_frames_hold_all_steps_and_rows_come_back():
    layout, rows = SequenceLayout(SHAPE, 5), torch.from_numpy(FULL).flatten(1)
    frames = layout.frames(rows)
    assert frames.shape == (N_ROWS, 3, 15)
    assert frames.isnan().sum() == N_ROWS * 3 * 3
    assert torch.equal(layout.rows(frames), rows)


def test_no_two_frames_of_a_clock_have_the_same_time():
    times = clock(1000)
    assert torch.equal(clock(10), times[:10])
    nearest = (torch.cdist(times, times) + 10 * torch.eye(1000)).min()
    assert nearest > 1


def test_dropout_is_drawn_from_the_generator():
    made = network(n_layers=2, dropout=0.5).train()
    rows = torch.from_numpy(ragged(np.nan))
    first, again, other = (
        made(rows, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("n_timesteps", "expected"), [(5, 1), (32, 1), (140, 5)])
def test_long_sequences_are_read_in_frames(n_timesteps, expected):
    assert resolve_frame_length("auto", n_timesteps) == expected
    assert resolve_frame_length(7, n_timesteps) == min(7, n_timesteps)


# ----- padding -------------------------------------------------------------


def test_padding_is_marked_at_the_end_alone():
    X = np.array([[1.0, 0, 0, 0, 2, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0]])
    marked = mark_padding(X, (4, 2), 0.0, "X")
    assert_array_equal(np.isnan(marked), [[False] * 6 + [True] * 2, [0] * 4 + [1] * 4])
    assert_array_equal(marked[~np.isnan(marked)], X[~np.isnan(marked)])
    assert mark_padding(X, (4, 2), 7.0, "X") is X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_of_the_padding_does_not_matter(dtype):
    codes = {}
    for value in (np.nan, -7.1, 1e9):
        X = ragged(value).astype(dtype)
        codes[value] = small(padding_value=value).fit_transform(X)
        assert codes[value].dtype == dtype
    assert_array_equal(codes[np.nan], codes[-7.1])
    assert_array_equal(codes[np.nan], codes[1e9])


def test_further_columns_of_padding_change_no_fit():
    options = {"padding_value": -9.0, "frame_length": 1, "precision": "float64"}
    fits = [
        small(sequence_shape=(n, 3), **options).fit(ragged(-9.0, n)) for n in (12, 15)
    ]
    codes = [
        fitted.transform(ragged(-9.0, n))
        for fitted, n in zip(fits, (12, 15), strict=True)
    ]
    assert_allclose(codes[0], codes[1], rtol=1e-7, atol=1e-9)
    assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-9)
    scores = [f.score(ragged(-9.0, n)) for f, n in zip(fits, (12, 15), strict=True)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)


def test_without_padding_its_value_changes_nothing():
    X = FULL.reshape(N_ROWS, -1)
    plain = small().fit(X)
    for value in (np.nan, -7.0):
        assert_array_equal(
            small(padding_value=value).fit(X).transform(X), plain.transform(X)
        )


@pytest.fixture(scope="module")
def padded():
    return small(padding_value=-9.0, max_iter=20).fit(ragged(-9.0))


def test_scores_are_of_the_steps_that_are_there(padded):
    X = ragged(-9.0)
    residual = np.where(THERE, padded.inverse_transform(padded.transform(X)) - X, 0)
    assert_allclose(padded.score_samples(X), -np.square(residual).sum(axis=1))
    mean = np.nanmean(ragged(np.nan), axis=0)
    assert_allclose(padded.mean_, mean)
    total = np.square(np.where(THERE, X - mean, 0)).sum()
    assert padded.score(X) == pytest.approx(1 - np.square(residual).sum() / total)


def test_the_loss_is_the_share_of_the_variance_that_is_not_explained(padded):
    X = ragged(-9.0)
    fitted = clone(padded).set_params(max_iter=1, early_stopping=True)
    fitted.fit(X, X_val=X)
    assert fitted.best_loss_ == pytest.approx(1 - fitted.score(X), rel=1e-4)
    # Its mean explains nothing.
    assert 0.5 < fitted.loss_curve_[0] < 2


def test_reconstruct_puts_the_padding_back(padded):
    X = ragged(-9.0)
    reconstructed = padded.reconstruct(X)
    assert np.all(reconstructed[~THERE] == -9.0)
    full = padded.inverse_transform(padded.transform(X))
    assert_array_equal(reconstructed[THERE], full[THERE])
    assert np.all(np.abs(full) < 6)
    other = clone(padded).set_params(padding_value=np.nan, max_iter=1)
    X = ragged(np.nan)
    assert_array_equal(np.isnan(other.fit(X).reconstruct(X)), ~THERE)


def test_modules_take_nan_as_padding(padded):
    rows = torch.from_numpy(ragged(np.nan)).float()
    codes = padded.encoder_(rows)
    assert_allclose(codes.numpy(), padded.transform(ragged(-9.0)), atol=1e-5)
    assert padded.decoder_(codes).shape == rows.shape


def test_weights_repeat_rows_of_unequal_length():
    options = {"solver": "lbfgs", "precision": "float64", "padding_value": np.nan}
    X, weight = ragged(np.nan), np.arange(N_ROWS) % 3
    estimator = small(early_stopping=False, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weighted = clone(estimator).fit(X, sample_weight=weight)
        repeated = clone(estimator).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-5, atol=1e-7)
    assert_allclose(
        weighted.explained_variance_ratio_, repeated.explained_variance_ratio_
    )


@pytest.mark.parametrize("n_components", [0.9, "mle"])
def test_the_number_of_codes_by_the_variance_of_padded_rows(n_components):
    X = ragged(np.nan)
    fitted = small(n_components=n_components, padding_value=np.nan, max_iter=1).fit(X)
    filled = np.where(THERE, X, np.nanmean(X, axis=0))
    assert (
        fitted.n_components_
        == PCA(n_components, svd_solver="full").fit(filled).n_components_
    )


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "huber"])
def test_losses_leave_out_the_padding(loss):
    X = np.where(THERE, ragged(np.nan) / 4, np.nan)
    fitted = small(padding_value=np.nan, loss=loss).fit(X)
    assert np.isfinite(fitted.loss_curve_).all()
    assert np.isfinite(fitted.inverse_transform(fitted.transform(X))).all()


def test_parts_of_unequal_length_one_after_the_other():
    X = ragged(np.nan)
    estimator = small(padding_value=np.nan)
    for part in np.array_split(X[np.argsort(LENGTHS)], 3):
        estimator.partial_fit(part)
    assert np.isfinite(estimator.transform(X)).all()
    warm = small(padding_value=np.nan, warm_start=True).fit(X)
    assert warm.fit(X).n_iter_ == 6
    with pytest.raises(ValueError, match="'hidden_size' parameter was changed from 6"):
        warm.set_params(hidden_size=7).fit(X)


def test_what_is_padding_may_be_said_after_the_fit(padded):
    other = clone(padded).fit(ragged(-9.0)).set_params(padding_value=np.nan)
    assert_array_equal(other.transform(ragged(np.nan)), padded.transform(ragged(-9.0)))


# ----- among scikit-learn's tools ------------------------------------------


def test_a_scaler_leaves_nan_as_padding():
    X = pd.DataFrame(ragged(np.nan)).rename(columns=str)
    pipeline = make_pipeline(StandardScaler(), small(padding_value=np.nan))
    pipeline.set_output(transform="pandas")
    codes = pipeline.fit_transform(X)
    assert list(codes.columns) == ["recurrentautoencoder0", "recurrentautoencoder1"]
    assert np.isfinite(codes).all(axis=None)


def test_a_search_over_padded_rows():
    search = GridSearchCV(
        small(padding_value=np.nan, max_iter=5), {"hidden_size": [1, 8]}, cv=2
    ).fit(ragged(np.nan))
    assert search.best_params_ == {"hidden_size": 8}


def test_nan_is_allowed_by_the_parameter_alone():
    for value in (None, 0.0, "none"):
        assert not get_tags(small(padding_value=value)).input_tags.allow_nan
    assert get_tags(small(padding_value=np.nan)).input_tags.allow_nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        small(padding_value=0.0).fit(ragged(np.nan))


# This check puts NaN anywhere, and padding is at the end.
_NOT_OF_GAPS = "check_estimators_pickle"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_checks_with_nan_as_padding():
    estimator = RecurrentAutoencoder(
        hidden_size=4,
        max_iter=2,
        padding_value=np.nan,
        solver="lbfgs",
        precision="float64",
    )
    for instance, check in estimator_checks_generator(estimator):
        if getattr(check, "func", check).__name__ != _NOT_OF_GAPS:
            with contextlib.suppress(SkipTest):  # of what need not be installed
                check(instance)


# ----- what it learns ------------------------------------------------------


def test_two_codes_hold_a_phase_however_early_a_sequence_ends():
    X, new = (waves(n, 20, seed).reshape(n, -1) for n, seed in [(300, 0), (100, 1)])
    lengths = np.random.RandomState(0).randint(5, 21, size=300)
    ends = np.repeat(np.arange(20) < lengths[:, np.newaxis], 3, axis=1)
    fitted = small(
        sequence_shape=(20, 3), hidden_size=16, max_iter=30, padding_value=np.nan
    ).fit(np.where(ends, X, np.nan))
    assert fitted.score(new) > 0.95
    assert fitted.score(np.where(ends[:100], new, np.nan)) > 0.95


# ----- what is refused -----------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sequence_shape": (5, 3)}, r"\(5, 3\), 15 values .* X has 36 features"),
        ({"sequence_shape": (36,)}, r"must be \(n_timesteps, n_features\), whole"),
        ({"sequence_shape": (12.0, 3)}, r"whole numbers .* Got \(12.0, 3\) instead"),
        ({"sequence_shape": (-12, -3)}, "at least 1"),
        ({"cell": "rnn"}, r"'cell' parameter .* \{.*'gru'.*Got 'rnn' instead"),
        ({"hidden_size": 0}, r"'hidden_size' parameter .* \[1, inf\). Got 0"),
        ({"frame_length": 0}, "'frame_length' parameter .* Got 0"),
        ({"padding_value": np.inf}, r"'padding_value' .*numpy.nan or None. Got inf"),
        ({"padding_value": "0"}, "'padding_value' .* Got '0' instead"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(FULL.reshape(N_ROWS, -1))


def test_a_gap_is_refused_with_its_place():
    X = ragged(np.nan)
    X[4, 1] = np.nan
    message = (
        r"Row 4 of X has NaN at step 0, feature 1 .* padding_value=nan .* in 1 of 60"
    )
    for call in (
        small(padding_value=np.nan).fit,
        small(padding_value=np.nan).partial_fit,
    ):
        with pytest.raises(ValueError, match=message):
            call(X)
    fitted = small(padding_value=np.nan).fit(ragged(np.nan))
    for call in (fitted.transform, fitted.reconstruct, fitted.score):
        with pytest.raises(ValueError, match=message):
            call(X)
    with pytest.raises(ValueError, match="Row 4 of X_val has NaN"):
        fitted.fit(ragged(np.nan), X_val=X)


def test_a_row_of_padding_alone_is_refused():
    X = ragged(-9.0)
    X[[3, 8]] = -9.0
    message = r"Row 3 of X is padding alone, padding_value=-9.0, .* 2 of 60 rows"
    with pytest.raises(ValueError, match=message):
        small(padding_value=-9.0).fit(X)


@pytest.mark.parametrize("method", ["fit", "fit_transform", "partial_fit", "transform"])
@pytest.mark.parametrize("as_list", [False, True])
def test_three_dimensions_are_refused_with_the_reshape(method, as_list):
    X = FULL.tolist() if as_list else FULL
    estimator = small().fit(FULL.reshape(N_ROWS, -1))
    flat = "np.asarray(X)" if as_list else "X"
    with pytest.raises(ValueError) as error:
        getattr(estimator, method)(X)
    assert f"Pass {flat}.reshape(len(X), -1) and sequence_shape=(12, 3)" in str(
        error.value
    )
    with pytest.raises(ValueError, match="Pass X_val.reshape"):
        estimator.fit(FULL.reshape(N_ROWS, -1), X_val=FULL)


# ----- the benchmark -------------------------------------------------------


def test_the_table_of_sequences_is_printed(monkeypatch, capsys):
    rows = ragged(np.nan)
    sequences = benchmark.Sequences(rows[:40], rows[40:], rows[40:] + 1, SHAPE)
    monkeypatch.setattr(benchmark, "LOADERS", {"waves": lambda *_: sequences})
    options = argparse.Namespace(sets=["waves"], components=[2], seeds=1, max_iter=2)
    benchmark.run(options)
    printed = capsys.readouterr().out
    assert "| set | codes | recurrent: unexplained | dense: unexplained |" in printed
    assert "| waves | 2 |" in printed


def test_columns_of_padding_alone_have_a_mean():
    rows = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
    assert_array_equal(benchmark.means(rows), [2.0, 2.0, 0.0])

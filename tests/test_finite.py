"""Any finite table gives finite results, with every autoencoder."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instances import CLASSES
from instances import given as told

finite = st.floats(-1e6, 1e6, width=32)
tables = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=finite,
)


@pytest.mark.parametrize("cls", CLASSES)
@settings(max_examples=25, deadline=None)
@given(X=tables, data=st.data())
@pytest.mark.filterwarnings("ignore:n_components")
def test_any_finite_table_gives_finite_results(cls, X, data):
    parameters = data.draw(
        st.fixed_dictionaries(
            {
                "n_components": st.integers(1, 14),
                "linear_path": st.sampled_from(["default", None]),
                "early_stopping": st.booleans() if len(X) > 1 else st.just(False),
                "whiten": st.booleans(),
                "batch_norm": st.booleans(),
                "hidden_layer_sizes": st.just((4,)),
            }
        )
    )
    if parameters["linear_path"] == "default":
        parameters["linear_path"] = getattr(cls(), "linear_path", None)
    known = inspect.signature(cls).parameters
    parameters = {name: parameters[name] for name in parameters if name in known}
    estimator = cls(**parameters, max_iter=2, random_state=0)
    y = np.arange(len(X)) % 2
    codes = estimator.fit_transform(X, y)
    assert codes.shape == (len(X), parameters["n_components"])
    restored = estimator.inverse_transform(codes, **told(estimator, y))
    for result in (codes, restored, estimator.score(X, y)):
        assert np.all(np.isfinite(result))

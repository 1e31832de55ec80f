import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer

X = np.random.RandomState(0).randn(120, 5)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_callers_grad_mode_changes_nothing(method, mode):
    def fitted():
        estimator = AutoencoderTransformer(2, max_iter=3, random_state=0)
        return getattr(estimator, method)(X)

    with mode():
        inside = fitted()
        codes = inside.transform(X)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
    np.testing.assert_array_equal(codes, fitted().transform(X))
    # What was made inside can be trained outside.
    inside.partial_fit(X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_warning_about_many_components_points_to_the_caller(method):
    estimator = AutoencoderTransformer(9, max_iter=1)
    with pytest.warns(UserWarning, match="n_components=9 is more") as warned:
        getattr(estimator, method)(X)
    assert warned[0].filename == __file__

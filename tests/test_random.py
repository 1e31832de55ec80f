import numpy as np
import pytest
import torch
from sklearn.utils import check_random_state

from skae._utils.random import draw_seed, make_generator

# numpy's global random state.
GLOBAL = check_random_state(None)


@pytest.mark.parametrize("random_state", [0, 42, np.int64(7)])
def test_an_int_gives_the_same_seed_each_time(random_state):
    assert draw_seed(random_state) == draw_seed(random_state)


def test_other_ints_give_other_seeds():
    assert len({draw_seed(i) for i in range(50)}) == 50


def test_a_random_state_gives_one_seed_after_the_other():
    rng = np.random.RandomState(0)
    first, second = draw_seed(rng), draw_seed(rng)
    assert first == draw_seed(0) and first != second


def test_none_reads_numpys_global_state():
    state = GLOBAL.get_state()
    try:
        GLOBAL.seed(5)
        expected = draw_seed(np.random.RandomState(5))
        assert draw_seed(None) == expected != draw_seed(None)
    finally:
        GLOBAL.set_state(state)


def test_an_int_leaves_the_global_states_alone():
    before = GLOBAL.get_state()[1].copy(), torch.random.get_rng_state()
    make_generator(draw_seed(0)).get_state()
    assert (GLOBAL.get_state()[1] == before[0]).all()
    assert torch.equal(torch.random.get_rng_state(), before[1])


def test_a_generator_starts_at_its_seed():
    one, same, other = (torch.rand(5, generator=make_generator(s)) for s in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)

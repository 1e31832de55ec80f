import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import skae._training.data
from skae._training.data import Batches, Rows, weighted_mean

SIZES = st.integers(1, 60)
BATCH_SIZES = st.integers(1, 70)


def numbered_rows(n, *, paired=True, weighted=True):
    """Rows whose every field tells which row it is."""
    x = torch.arange(n, dtype=torch.float32).unsqueeze(1).repeat(1, 3)
    target = x + 1000 if paired else x
    return Rows(x, target, x[:, 0] + 0.5 if weighted else None)


def batches_of(rows, batch_size, *, shuffle=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(rows, batch_size, shuffle=shuffle).of_epoch(generator)
    # Each is overwritten by one after it.
    return [batch.take(torch.arange(len(batch))) for batch in batches]


def numbers(batches):
    return torch.cat([batch.x[:, 0] for batch in batches]).long().tolist()


@given(SIZES, BATCH_SIZES, st.booleans())
def test_the_batches_of_an_epoch_hold_each_row_once(n, batch_size, shuffle):
    batches = batches_of(numbered_rows(n), batch_size, shuffle=shuffle)
    assert sorted(numbers(batches)) == list(range(n))


@given(SIZES, BATCH_SIZES)
def test_batches_are_as_few_as_may_be_and_of_near_equal_size(n, batch_size):
    sizes = [len(batch) for batch in batches_of(numbered_rows(n), batch_size)]
    assert len(sizes) == -(-n // batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(SIZES, BATCH_SIZES, st.booleans(), st.booleans())
def test_the_fields_of_a_batch_stay_aligned(n, batch_size, paired, weighted):
    for batch in batches_of(
        numbered_rows(n, paired=paired, weighted=weighted), batch_size
    ):
        shift = 1000 if paired else 0
        assert torch.equal(batch.target, batch.x + shift)
        if weighted:
            assert torch.equal(batch.weight, batch.x[:, 0] + 0.5)
        else:
            assert batch.weight is None


def test_without_shuffling_rows_come_in_their_order():
    assert numbers(batches_of(numbered_rows(10), 3, shuffle=False)) == list(range(10))


def test_the_order_is_the_generators_own():
    rows = numbered_rows(50)
    assert numbers(batches_of(rows, 7)) == numbers(batches_of(rows, 7))
    assert numbers(batches_of(rows, 7)) != numbers(batches_of(rows, 7, seed=1))


def test_batches_are_the_same_with_and_without_a_shuffled_copy(monkeypatch):
    rows = numbered_rows(50)
    copied = batches_of(rows, 7)
    monkeypatch.setattr(skae._training.data, "_BYTES_IN_CACHE", 0)
    gathered = batches_of(rows, 7)
    for one, other in zip(copied, gathered, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.target, other.target)
        assert torch.equal(one.weight, other.weight)


def test_a_second_epoch_has_another_order():
    batches = Batches(numbered_rows(50), 7, shuffle=True)
    generator = torch.Generator().manual_seed(0)
    first, second = (numbers(batches.of_epoch(generator)) for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second)


@given(SIZES, BATCH_SIZES, st.booleans())
def test_the_mean_of_the_means_is_that_of_the_rows(n, batch_size, shuffle):
    rows = numbered_rows(n)
    batches = Batches(rows, batch_size, shuffle=shuffle)
    generator = torch.Generator().manual_seed(0)
    means = [batch.x.mean() for batch in batches.of_epoch(generator)]
    torch.testing.assert_close(batches.mean(means), rows.x.mean())


@pytest.mark.parametrize("bytes_in_cache", [0, 2**22])
def test_no_epoch_takes_memory_anew(bytes_in_cache, monkeypatch):
    monkeypatch.setattr(skae._training.data, "_BYTES_IN_CACHE", bytes_in_cache)
    batches = Batches(numbered_rows(50), 7, shuffle=True)
    generator = torch.Generator().manual_seed(0)
    places = [
        [batch.x.data_ptr() for batch in batches.of_epoch(generator)] for _ in range(2)
    ]
    assert places[0] == places[1]
    assert len(set(places[0])) == (8 if bytes_in_cache else 1)


def test_shuffling_leaves_torchs_own_generator_alone():
    before = torch.random.get_rng_state()
    batches_of(numbered_rows(50), 7)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_target_that_is_the_input_is_not_copied():
    rows = numbered_rows(6, paired=False)
    for part in [rows.take(torch.tensor([2, 0])), *rows.split(2)]:
        assert part.target is part.x


def test_take_gives_rows_in_the_order_of_the_index():
    taken = numbered_rows(6).take(torch.tensor([4, 1, 1]))
    assert taken.x[:, 0].tolist() == [4, 1, 1]
    assert taken.target[:, 0].tolist() == [1004, 1001, 1001]
    assert taken.weight.tolist() == [4.5, 1.5, 1.5]


def test_the_length_is_the_number_of_rows():
    assert len(numbered_rows(7)) == 7


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_a_weight_counts_as_repetition(counts):
    repeats = torch.tensor(counts)
    values = torch.arange(len(counts), dtype=torch.float64) ** 2
    weight = repeats / repeats.double().mean()
    repeated = weighted_mean(values.repeat_interleave(repeats), None)
    torch.testing.assert_close(weighted_mean(values, weight), repeated)


def test_conditions_stay_with_their_rows():
    x = torch.arange(10.0)[:, None]
    rows = Rows(x, x, None, x + 100)
    for batch in batches_of(rows, 3):
        assert torch.equal(batch.y, batch.x + 100)
        assert batch.weight is None
    taken = rows.take(torch.tensor([7, 2]))
    assert taken.y[:, 0].tolist() == [107, 102]
    doubled = rows.apply(lambda tensor: tensor.repeat(2, 1))
    assert len(doubled.y) == len(doubled) == 20

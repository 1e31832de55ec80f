import pytest

from skae._networks.dense import DenseAutoencoder
from skae._networks.summary import network_summary


def make_network(**options):
    return DenseAutoencoder(6, 2, (5,), "relu", **{"linear_path": True, **options})


def lines_of(**options):
    return network_summary("Name", make_network(**options)).splitlines()


@pytest.mark.parametrize("tied_weights", [False, True])
def test_the_total_is_the_number_of_trained_parameters(tied_weights):
    network = make_network(tied_weights=tied_weights)
    total = sum(p.numel() for p in network.parameters())
    last = network_summary("Name", network).splitlines()[-1]
    assert last == f"{total} parameters"


def test_the_counts_add_up_to_the_total():
    counts = [line.split()[-1] for line in lines_of()[4:-2]]
    total = int(lines_of()[-1].split()[0])
    assert sum(int(c) for c in counts if c.isdigit()) == total


def test_every_parameter_and_buffer_has_a_line():
    network = make_network(batch_norm=True)
    text = network_summary("Name", network)
    for name in network.state_dict():
        assert f"\n{name} " in text


def test_a_tied_weight_is_counted_once_and_marked():
    shared = [line for line in lines_of(tied_weights=True) if line.endswith("shared")]
    assert [line.split()[0] for line in shared] == [
        "g.layers.0.weight",
        "g.layers.1.weight",
    ]


def test_the_table_is_aligned_under_its_name():
    name, rule, *table = lines_of()
    assert name == "Name"
    assert {len(line) for line in table[:-1]} == {len(rule)}

import numpy as np
import pytest
import torch

from skae._functional.losses import LINKS
from skae._networks.dense import DenseAutoencoder
from skae._networks.head import Decoder, Encoder, Head
from skae._networks.scaling import Scaling


def random_head(n_components=4, seed=0):
    rng = np.random.RandomState(seed)
    rotation = np.linalg.qr(rng.randn(n_components, n_components))[0]
    return Head(rng.randn(n_components), rotation, rng.uniform(0.1, 9, n_components))


def codes(n=20, n_components=4):
    return torch.from_numpy(np.random.RandomState(1).randn(n, n_components))


def positive_rows(n=20, p=6):
    return np.random.RandomState(2).uniform(0.1, 0.9, size=(n, p))


def make_codec(link):
    X = positive_rows()
    network = DenseAutoencoder(6, 4, (5,), "tanh", linear_path=False).double()
    network.initialize("normal", torch.Generator().manual_seed(0))
    parts = Scaling.fit(X, link), network.eval(), random_head()
    return *parts, Encoder(*parts), Decoder(*parts), torch.from_numpy(X)


def test_a_head_is_its_equation():
    head, z = random_head(), codes()
    expected = (z - head.mean).numpy() @ head.rotation.numpy().T * head.scale.numpy()
    np.testing.assert_allclose(head(z), expected)


def test_a_heads_inverse_undoes_it():
    head, z = random_head(), codes()
    torch.testing.assert_close(head.inverse(head(z)), z)
    torch.testing.assert_close(head(head.inverse(z)), z)


def test_the_identity_head_changes_nothing():
    assert torch.equal(Head.identity(4)(codes()), codes())


def test_a_head_is_fixed():
    assert not list(random_head().parameters())


@pytest.mark.parametrize("link", sorted(LINKS))
def test_encoder_and_decoder_chain_scaling_network_and_head(link):
    scaling, network, head, encoder, decoder, x = make_codec(link)
    u = scaling(x)
    z = network.encode(u)
    torch.testing.assert_close(encoder(x), head(z))
    torch.testing.assert_close(
        decoder(encoder(x)), LINKS[link].apply(scaling.outputs(network(u)))
    )


@pytest.mark.parametrize("link", sorted(LINKS))
def test_the_head_does_not_change_reconstructions(link):
    scaling, network, _, encoder, decoder, x = make_codec(link)
    plain = scaling, network, Head.identity(4)
    torch.testing.assert_close(decoder(encoder(x)), Decoder(*plain)(Encoder(*plain)(x)))


@pytest.mark.parametrize("link", sorted(LINKS))
def test_reconstructions_lie_in_the_domain_of_the_data(link):
    *_, decoder, _ = make_codec(link)
    low, high = LINKS[link].domain
    rows = decoder(100 * codes())
    assert (rows >= low).all() and (rows <= high).all()


def test_a_head_without_rotation_leaves_the_order():
    rng = np.random.RandomState(0)
    head = Head(rng.randn(4), None, rng.uniform(0.1, 9, 4))
    turned = Head(head.mean.numpy(), np.eye(4), head.scale.numpy())
    torch.testing.assert_close(head(codes()), turned(codes()))
    torch.testing.assert_close(head.inverse(head(codes())), codes())
    assert torch.equal(head.rotate(codes()), codes())

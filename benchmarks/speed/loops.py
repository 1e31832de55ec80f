"""Training loops as one writes them in torch: the usual one and a good one."""

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed import networks
from benchmarks.speed.fitted import CHUNK, Fitted


def naive(workload, X):
    """Train as tutorials do: a `DataLoader`, Adam by default, the loss of each batch.

    Convolutions lie in memory as (row, channel, height, width).
    """
    network = networks.build(workload)
    loader = DataLoader(
        TensorDataset(torch.from_numpy(X)), batch_size=workload.batch_size, shuffle=True
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=workload.learning_rate)
    for _ in range(workload.epochs):
        total = 0.0
        for (x,) in loader:
            optimizer.zero_grad()
            loss = network.loss(x)
            loss.backward()
            optimizer.step()
            total += loss.item()
    return Fitted(
        _in_chunks(network, workload.batch_size), _by_loader(network.encode, workload)
    )


def good(workload, X):
    """Train on slices of a copy that is shuffled each epoch, with a fused Adam.

    Convolutions lie in memory as (row, height, width, channel).
    """
    network = networks.build(workload).to(memory_format=torch.channels_last)
    X = torch.from_numpy(X)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=workload.learning_rate, fused=True
    )
    for _ in range(workload.epochs):
        for x in X[torch.randperm(len(X))].split(workload.batch_size):
            optimizer.zero_grad()
            network.loss(x).backward()
            optimizer.step()
    return Fitted(_in_chunks(network), _in_chunks(network.encode))


def _in_chunks(function, size=CHUNK):
    @torch.inference_mode()
    def of_rows(X):
        return torch.cat([function(x) for x in torch.from_numpy(X).split(size)]).numpy()

    return of_rows


def _by_loader(function, workload):
    @torch.no_grad()
    def of_rows(X):
        rows = TensorDataset(torch.from_numpy(X))
        loader = DataLoader(rows, batch_size=workload.batch_size)
        return torch.cat([function(x) for (x,) in loader]).numpy()

    return of_rows

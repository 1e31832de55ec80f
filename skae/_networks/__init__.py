"""Networks: `torch.nn.Module` classes with `encode` and `decode`."""

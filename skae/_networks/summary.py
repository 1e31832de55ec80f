"""Text table of a network."""


def network_summary(name, network):
    """Return a table of the layers with parameters, one per line.

    Parameters
    ----------
    name : str
        Heading.
    network : nn.Module
    """
    rows = [("layer", "shape", "parameters")]
    counted = set()
    for layer, parameter in network.named_parameters(remove_duplicate=False):
        shape = " x ".join(map(str, parameter.shape))
        count = f"{parameter.numel():,}" if id(parameter) not in counted else "shared"
        counted.add(id(parameter))
        rows.append((layer, shape, count))
    for layer, buffer in network.named_buffers():
        rows.append((layer, " x ".join(map(str, buffer.shape)), "fixed"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows
    ]
    rule = "-" * len(lines[0])
    total = sum(parameter.numel() for parameter in network.parameters())
    return "\n".join(
        [name, rule, lines[0], rule, *lines[1:], rule, f"{total:,} parameters"]
    )

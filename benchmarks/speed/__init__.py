"""Time of fits against the bare matrix products, and against every peer.

Each contestant runs in a process of its own (`child`), the contestants of a workload in
turn (`rounds`). `floor` holds the bare products, `loops` what one writes by hand in
torch, `ours` and `peers` the libraries; `table` prints the medians.
"""

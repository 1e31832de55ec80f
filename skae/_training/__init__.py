"""Training: it knows networks, rows and objectives, and no estimator.

An objective is a function ``objective(network, rows, generator)`` that returns
a dictionary ``{term: losses of the rows}``; the loss is the sum of the terms'
(weighted) means. A later batch is written to the memory of the rows: what is kept of
them is to be copied. A monitor is called once an epoch with the `TrainingState` and
answers whether to stop.
"""

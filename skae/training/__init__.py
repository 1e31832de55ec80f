"""Training: it knows networks, rows and objectives, and no estimator.

An objective is a function ``objective(network, rows, generator)`` that returns
a dictionary ``{term: losses of the rows}``; the loss is the sum of the terms'
(weighted) means. A monitor is called once an epoch with the `TrainingState`
and answers whether to stop.
"""

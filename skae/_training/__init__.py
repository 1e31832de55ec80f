"""Training of networks: knows networks, rows and objectives, but no estimator.

An `Objective` gives named losses of each row; the loss is the sum of their (weighted)
means. A monitor is called once an epoch with the `TrainingState` and returns whether to
stop.
"""

"""Objectives and criteria from functions, whose gradient is autograd's."""

from collections.abc import Callable
from dataclasses import dataclass

from skae._training.criterion import Criterion
from skae._training.objective import Objective


@dataclass(frozen=True)
class FunctionObjective(Objective):
    """The losses that a function of (network, rows, generator) returns."""

    function: Callable

    def losses(self, network, rows, generator):
        return self.function(network, rows, generator)


@dataclass(frozen=True)
class FunctionCriterion(Criterion):
    """The losses that a function of (output, target) returns."""

    function: Callable

    def losses(self, output, target):
        return self.function(output, target)

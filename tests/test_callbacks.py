from types import SimpleNamespace

import pytest

from skae._training.callbacks import CallbackMonitor, VerboseMonitor


class Context:
    """Records the calls of scikit-learn's context and answers as told."""

    def __init__(self, answers=(), log=None):
        self.answers = list(answers)
        self.log = [] if log is None else log

    def subcontext(self, task_name):
        self.log.append(("subcontext", task_name))
        answer = self.answers.pop(0) if self.answers else False
        return Context([answer], self.log)

    def call_on_fit_task_begin(self, **task):
        self.log.append(("begin", task))

    def call_on_fit_task_end(self, *, reconstruction_attributes, **task):
        self.log.append(("end", task))
        self.reconstruction_attributes = reconstruction_attributes
        self.log.append(reconstruction_attributes)
        return self.answers[0]


def state_at(epoch, loss=0.5):
    return SimpleNamespace(epoch=epoch, history={"loss": [loss]})


def test_each_epoch_is_a_task_that_begins_and_ends():
    context, task = Context(), {"estimator": object(), "X": 1, "y": 2}
    monitor = CallbackMonitor(context, task, lambda state: {})
    for epoch in (1, 2):
        monitor(state_at(epoch))
    names = [entry[0] for entry in context.log if isinstance(entry, tuple)]
    assert names == ["subcontext", "begin", "end"] * 2
    assert context.log[1] == ("begin", task) and context.log[2] == ("end", task)


def test_it_stops_when_a_callback_asks_it_to():
    monitor = CallbackMonitor(Context([False, True]), {}, lambda state: {})
    assert not monitor(state_at(1))
    assert monitor(state_at(2))


def test_fitted_attributes_are_made_only_when_they_are_asked_for():
    context, made = Context(), []

    def attributes(state):
        made.append(state.epoch)
        return {"epoch_": state.epoch}

    CallbackMonitor(context, {}, attributes)(state_at(7))
    assert made == []
    assert context.log[-1]() == {"epoch_": 7}


@pytest.mark.parametrize("has_validation", [False, True])
def test_verbose_prints_one_line_an_epoch_and_never_stops(capsys, has_validation):
    stopping = SimpleNamespace(curve=[0.75, 0.625], best_loss=0.625, best_epoch=2)
    monitor = VerboseMonitor("Name", stopping, has_validation)
    assert monitor(state_at(3, 0.25)) is False
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("[Name] epoch 3: loss 0.25")
    validation = ", validation loss 0.625 (best 0.625 at epoch 2)"
    assert line.endswith(validation) == has_validation

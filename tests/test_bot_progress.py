"""The bar of a long verb."""

from bot import progress


def test_a_second_part_of_the_work_is_not_called_finished_because_the_first_one_is() -> None:
    with progress.bar("train") as bar:
        bar.at(1.0, "trained")
        bar.at(0.1, "measuring")
        (task,) = bar._bar.tasks
        assert not task.finished
        assert task.finished_time is None
        assert (task.completed, task.fields["words"]) == (0.1, "measuring")

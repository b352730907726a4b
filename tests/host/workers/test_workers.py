"""Pieces of work on processes of this machine, and what is kept of them."""

import os
import time

import pytest
from tests.support.work import die, die_once, double, fail

from pixeltree.errors import DataError, WorkerError
from pixeltree.workers.keeping import Keeping
from pixeltree.workers.local import LocalWorkers
from pixeltree.workers.pieces import Piece, Shared


def pieces(count, call=double, *more):
    return [Piece(f"piece-{number}", call, (number, *more)) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2])
def test_every_piece_gives_its_result_once(count):
    found = {piece.name: result for piece, result in LocalWorkers(count).run(pieces(7))}
    assert found == {f"piece-{number}": 2 * number for number in range(7)}


def test_a_shared_argument_is_what_the_function_gets():
    assert Piece("one", double, (Shared(4),)).run() == 8


def test_a_piece_whose_worker_is_killed_is_done_again(tmp_path):
    work = pieces(4, die_once, str(tmp_path))
    found = {piece.name: result for piece, result in LocalWorkers(2).run(work)}
    assert found == {f"piece-{number}": number for number in range(4)}
    assert len(list(tmp_path.iterdir())) == 1  # one of them was killed indeed


def test_a_piece_that_always_kills_its_worker_ends_the_run():
    with pytest.raises(WorkerError, match=r"died 3 times in a row.*2 of 2 pieces left"):
        list(LocalWorkers(2).run([Piece(f"bad-{n}", die, ()) for n in range(2)]))


def test_an_error_of_a_piece_is_raised():
    with pytest.raises(DataError, match=r"piece \d is wrong"):
        list(LocalWorkers(2).run(pieces(2, fail)))


def test_no_workers_are_refused():
    with pytest.raises(DataError, match="workers is 0"):
        LocalWorkers(0)


class Counting:
    """Runs pieces here and counts them; stops after ``most``."""

    def __init__(self, most=99):
        self.most, self.names = most, []

    def run(self, work):
        for piece in work[: self.most]:
            self.names.append(piece.name)
            yield piece, piece.run()
        if len(work) > self.most:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        list(Keeping(tmp_path, {"tree": "a"}).run(pieces(5), Counting(most=3)))
    rest = Counting()
    again = Keeping(tmp_path, {"tree": "a"})
    found = {piece.name: result for piece, result in again.run(pieces(5), rest)}
    assert found == {f"piece-{number}": 2 * number for number in range(5)}
    assert rest.names == ["piece-3", "piece-4"]


def test_a_finished_run_leaves_nothing_and_begins_anew(tmp_path):
    for _ in range(2):
        workers = Counting()
        list(Keeping(tmp_path, {}).run(pieces(2), workers))
        assert len(workers.names) == 2
        assert not list(tmp_path.iterdir())


def test_other_settings_are_another_run(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        list(Keeping(tmp_path, {"tree": "a"}).run(pieces(5), Counting(most=3)))
    workers = Counting()
    list(Keeping(tmp_path, {"tree": "b"}).run(pieces(5), workers))
    assert len(workers.names) == 5


def test_a_damaged_file_is_done_again(tmp_path):
    keeping = Keeping(tmp_path, {})
    (keeping.folder / "piece-0.json").write_text("{")
    workers = Counting()
    list(keeping.run(pieces(1), workers))
    assert workers.names == ["piece-0"]


def test_a_folder_that_others_can_write_is_refused(tmp_path):
    Keeping(tmp_path, {}).folder.chmod(0o777)
    with pytest.raises(DataError, match="somebody else can write here"):
        Keeping(tmp_path, {})


def test_runs_that_nobody_resumes_are_forgotten_after_two_weeks(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        list(Keeping(tmp_path, {"run": "old"}).run(pieces(2), Counting(most=1)))
    (old,) = tmp_path.iterdir()
    (mine := tmp_path / "notes").mkdir()
    for days, left in ((13, {old, mine}), (15, {mine})):
        for folder in (old, mine):
            os.utime(folder, (then := time.time() - days * 86_400, then))
        new = Keeping(tmp_path, {"run": "new"}).folder
        assert set(tmp_path.iterdir()) == {*left, new}

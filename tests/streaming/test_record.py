import numpy as np

from toto.streaming.record import Record


def test_the_newest_values_are_there_and_older_ones_are_missing():
    values = np.arange(1000.0)[None].repeat(2, 0)
    record, rng, done = Record(values[:, :3], keep=50), np.random.default_rng(0), 3
    while done < 900:
        step = int(rng.integers(0, 40))
        record.append(values[:, done : done + step])
        done += step
        assert record.length == done
        first = max(0, done - 50)
        np.testing.assert_array_equal(record.between(first, done), values[:, first:done])
        np.testing.assert_array_equal(record.newest(20), values[:, max(0, done - 20) : done])
    assert record.length - record.first <= 50 + 40 + 50


def test_what_is_outside_is_missing():
    record = Record(np.ones((1, 3)), keep=10)
    np.testing.assert_array_equal(record.between(-2, 5), [[np.nan] * 2 + [1] * 3 + [np.nan] * 2])
    assert np.isnan(record.between(-9, -2)).all()
    assert np.isnan(record.between(3, 6)).all()


def test_a_longer_piece_than_is_kept_is_taken_whole():
    record = Record(np.arange(100.0)[None], keep=10)
    assert record.newest(1000).shape == (1, 100)
    record.append(np.ones((1, 500)))
    assert record.between(590, 600).tolist() == [[1.0] * 10]

"""The newest values of a series that goes on and on."""

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "variates _steps"]  # any number of them, within one call too

_SPARE = 4  # a buffer has room for a quarter more than what is kept, so that copying stays rare


class Record:
    """The newest values of one series, NaN where missing; step 0 is the first it was given."""

    def __init__(self, values: Values, keep: int) -> None:
        self.keep = keep  # steps that are never dropped
        self.length = 0  # steps so far
        self._buffer = np.empty((len(values), 0))
        self._end = 0  # of the steps in the buffer
        self.append(values)

    @property
    def first(self) -> int:
        """The oldest step that is still there."""
        return self.length - self._end

    def append(self, values: Values) -> None:
        """Add the next steps."""
        num_new = values.shape[1]
        if self._end + num_new > self._buffer.shape[1]:
            held = self._buffer[:, max(0, self._end - self.keep) : self._end]
            self._end = held.shape[1]
            room = self._end + num_new + max(self._end, num_new) // _SPARE
            self._buffer = np.concatenate([held, np.empty((len(held), room - self._end))], axis=1)
        self._buffer[:, self._end : self._end + num_new] = values
        self._end += num_new
        self.length += num_new

    def between(self, first: int, end: int) -> Values:
        """Steps [first, end); NaN where there is nothing, before and behind."""
        steps = np.full((len(self._buffer), end - first), np.nan)
        oldest, newest = max(first, self.first), min(end, self.length)
        if oldest < newest:
            held = self._buffer[:, oldest - self.first : newest - self.first]
            steps[:, oldest - first : newest - first] = held
        return steps

    def newest(self, num_steps: int) -> Values:
        """The last `num_steps` steps, or all there are."""
        return self.between(max(self.first, self.length - num_steps), self.length)

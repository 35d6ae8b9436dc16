"""Missing values replaced by what lies between their neighbours."""

import numpy as np
from jaxtyping import Float


def interpolated(values: Float[np.ndarray, "variates time"]) -> Float[np.ndarray, "variates time"]:
    """Gaps filled with straight lines, the end with the last value; before the first all stays missing."""
    steps, filled = np.arange(values.shape[1]), values.copy()
    for row in filled:
        known = np.flatnonzero(np.isfinite(row))
        if 0 < len(known) < len(row):
            gaps = steps[known[0] :]
            row[gaps] = np.interp(gaps, known, row[known])
    return filled

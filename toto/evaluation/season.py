"""The season of a series that nobody told."""

from toto.data.time_grid import BusinessDayGrid, TimeGrid

# cycles in seconds, and the shortest steps that repeat by them: weeks by years, days by weeks
_DAY, _WEEK = 86_400, 604_800
_CYCLES = {31_556_952: _WEEK, _WEEK: _DAY, _DAY: 0, 3600: 0, 60: 0}


def natural_season(grid: TimeGrid, num_steps: int) -> int:
    """The steps of the longest natural cycle that `num_steps` steps hold twice; 1 where there is none.

    Only cycles of a whole number of steps from 4 to 10,000 count: a year of weeks or months, a week of days,
    a day of hours or minutes, and so on; of business days the week has 5.
    """
    if not grid.counts_time:
        return 1
    if isinstance(grid, BusinessDayGrid):
        return 5 if num_steps >= 10 else 1
    cycles = [cycle for cycle, shortest_step in _CYCLES.items() if grid.interval_seconds >= shortest_step]
    for cycle in cycles:
        steps = round(cycle / grid.interval_seconds)
        if 4 <= steps <= 10_000 and 2 * steps <= num_steps and _divides(cycle, steps, grid.interval_seconds):
            return steps
    return 1


def _divides(cycle: int, steps: int, interval: float) -> bool:
    """Whether the cycle has so many steps, to 1 %: a year is 52 weeks."""
    return abs(steps * interval - cycle) <= 0.01 * cycle

import pytest

from toto import InputError
from toto.anomaly.rate import false_alarms_per_step


@pytest.mark.parametrize(
    ("wanted", "interval", "rate"),
    [
        ("1/week", 300, 1 / 2016),
        ("2 per day", 60, 2 / 1440),
        ("0.5/hour", 60, 1 / 120),
        ("1/4 hours", 60, 1 / 240),
        ("1/month", 3600, 3600 / 2_629_746),
        ("1/5,000 steps", None, 1 / 5000),
        ("3/1000 steps", None, 3 / 1000),
        (0.001, None, 0.001),
    ],
)
def test_rates_become_alarms_per_step(wanted, interval, rate):
    assert false_alarms_per_step(wanted, interval) == pytest.approx(rate)


@pytest.mark.parametrize("wanted", ["often", "1/fortnight", "/week", "1 week", ""])
def test_what_is_no_rate_is_named(wanted):
    with pytest.raises(InputError, match="false_alarms must be a rate like"):
        false_alarms_per_step(wanted, 60)


def test_a_rate_per_time_needs_an_interval():
    with pytest.raises(InputError, match="interval_seconds must be the seconds of a step for false_alarms="):
        false_alarms_per_step("1/week", None)


@pytest.mark.parametrize(
    ("wanted", "interval"), [("1/hour", 3600), ("5/day", 86_400), (0.0, None), ("1/0 steps", 1)]
)
def test_an_alarm_in_every_step_or_none_ever_is_no_wish(wanted, interval):
    with pytest.raises(InputError, match="false_alarms must be above 0 and below one in a step, got"):
        false_alarms_per_step(wanted, interval)

import pytest

from toto.finetuning.generations import generation_of
from toto.finetuning.settings import FitSettings


@pytest.fixture
def plan(tiny):
    """A function that makes the plan for a tiny model, which is as wide as the rates are for or less."""

    def make(num_rows=1, num_windows=1000, covariates=False, **settings):
        return FitSettings(24, **settings).plan(generation_of(tiny), num_rows, num_windows, covariates)

    return make


def test_what_is_asked_for_is_done(plan):
    asked = {"context": 100, "batch_size": 3, "max_steps": 7, "learning_rate": 0.5}
    made = plan(**asked)
    assert {name: getattr(made, name) for name in asked} == asked
    assert made.to_dict()["max_steps"] == 7


def test_more_rows_make_smaller_batches_and_more_data_more_steps(plan):
    assert plan().batch_size == 32
    assert plan(num_rows=8).batch_size == 5
    assert plan(num_rows=100).batch_size == 4
    steps = [plan(num_windows=count).max_steps for count in (10, 5000, 10**6)]
    assert steps == [60, 30 * 5000 // (32 * 24), 600]
    assert plan().context == 16 * 8


def test_covariates_and_narrow_models_learn_faster(plan, make_tiny):
    assert plan(covariates=True).learning_rate > plan().learning_rate
    wide = generation_of(make_tiny(embed_dim=384, num_heads=4))
    settings = FitSettings(24)
    assert settings.default_learning_rate(wide, False) == pytest.approx(plan().learning_rate / 2)


def test_rates_suit_the_size_of_the_weights_of_the_second_generation(plan, make_tiny2):
    model = generation_of(make_tiny2())
    assert model.width < 192
    assert FitSettings(24).default_learning_rate(model, False) == plan().learning_rate * model.width**0.5
    adapters = FitSettings(24, mode="lora")
    assert adapters.default_learning_rate(model, False) == plan(mode="lora").learning_rate

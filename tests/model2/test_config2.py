import json

import pytest

from toto import ConfigError
from toto.model2.config import Toto2Config

SMALLEST = {
    "patch_size": 8,
    "d_model": 32,
    "num_heads": 4,
    "num_layers": 4,
    "layer_group_size": 2,
    "num_variate_layers_per_group": 1,
    "variate_layer_first": False,
    "residual_attn_ratio": 5.1362,
}


def config(**changes) -> Toto2Config:
    return Toto2Config.from_dict(SMALLEST | changes)


def test_what_a_file_leaves_out_follows_from_the_rest():
    given = config(d_ff=None, num_groups=None, norm_include_weight=True, qk_norm_include_weight=None)
    assert (given.d_ff, given.num_groups, given.qk_dim, given.v_dim) == (88, 4, 8, 8)
    assert given.qk_norm_include_weight is True
    assert config(qk_dim=12).v_dim == 12
    assert config(num_groups=2, heads_per_group=7).heads_per_group == 2


def test_a_configuration_comes_back_from_its_file_with_keys_it_does_not_know():
    given = config(pre_norm=True, some_unknown_key=[1], num_groups=2)
    values = json.loads(json.dumps(given.to_dict()))
    assert values["heads_per_group"] == 2
    assert values["some_unknown_key"] == [1]
    assert Toto2Config.from_dict(values) == given


def test_every_group_of_layers_has_its_variate_layers_first_or_last():
    last = config(num_layers=6, layer_group_size=3)
    first = config(num_layers=6, layer_group_size=3, variate_layer_first=True, num_variate_layers_per_group=2)
    assert [last.is_variate_layer(i) for i in range(6)] == [False, False, True] * 2
    assert [first.is_variate_layer(i) for i in range(6)] == [True, True, False] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual_attn_ratio": None}, "residual_attn_ratio must be a number, got None"),
        ({"patch_size": 8.0}, "patch_size must be a whole number, got 8.0"),
        ({"num_layers": True}, "num_layers must be a whole number, got True"),
        ({"use_xpos": 1}, "use_xpos must be true or false, got 1"),
        ({"qk_norm_include_weight": "no"}, "qk_norm_include_weight must be true or false, got 'no'"),
        ({"patch_size": 0}, "patch_size must be from 1 to 65536, got 0"),
        ({"d_ff": -1}, "d_ff must be from 1 to 65536, got -1"),
        ({"num_heads": 5}, "num_heads must divide d_model 32, got 5"),
        ({"layer_group_size": 3}, "layer_group_size must divide num_layers 4, got 3"),
        ({"num_variate_layers_per_group": 3}, "num_variate_layers_per_group must be from 0 to .* 2, got 3"),
        ({"num_groups": 3}, "num_groups must divide num_heads 4, got 3"),
        ({"qk_dim": 6}, "qk_dim must be a multiple of 4 for rotary positions, got 6"),
        ({"dropout_p": 0.1}, "dropout_p must be 0, as in all models of this kind, got 0.1"),
        ({"norm_eps": 0.0}, "norm_eps must be above 0 and finite, got 0.0"),
        ({"residual_attn_ratio": float("nan")}, "residual_attn_ratio must be above 0 and finite, got nan"),
    ],
)
def test_sizes_that_fit_no_model_are_errors(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_a_configuration_of_another_kind_of_model_lacks_keys():
    with pytest.raises(ConfigError, match="the configuration lacks d_model, layer_group_size, num_variate"):
        Toto2Config.from_dict({"patch_size": 8, "embed_dim": 32, "num_heads": 4, "num_layers": 4})

import json

import pytest

from toto import ConfigError, Toto, TotoConfig
from toto.model.distribution import StudentTOutput
from toto.model.scaler import CausalStdMeanScaler

BASE = {
    "patch_size": 64,
    "stride": 64,
    "embed_dim": 768,
    "num_layers": 12,
    "num_heads": 12,
    "mlp_hidden_dim": 3072,
    "dropout": 0.1,
    "spacewise_every_n_layers": 12,
    "spacewise_first": False,
    "scaler_cls": "<class 'model.scaler.CausalPatchStdMeanScaler'>",
    "output_distribution_classes": ["<class 'model.distribution.MixtureOfStudentTsOutput'>"],
    "output_distribution_kwargs": {"k_components": 24},
}


def test_published_configurations_are_read_and_written_with_plain_names():
    config = TotoConfig.from_dict(BASE)
    assert config.scaler_cls == "CausalPatchStdMeanScaler"
    written = config.to_dict()  # toto-ts reads these names alone
    assert written["scaler_cls"] == "<class 'model.scaler.CausalPatchStdMeanScaler'>"
    assert written["output_distribution_classes"] == ["<class 'model.distribution.MixtureOfStudentTsOutput'>"]
    assert TotoConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert (config.head_dim, config.k_components) == (64, 24)


def test_names_may_be_plain_or_the_classes_themselves():
    changes = {"scaler_cls": CausalStdMeanScaler, "output_distribution_classes": [StudentTOutput]}
    config = TotoConfig.from_dict(BASE | changes)
    assert config.scaler_cls == "CausalStdMeanScaler"
    assert config.output_distribution_classes == ("StudentTOutput",)
    assert config.k_components == 1
    assert TotoConfig.from_dict(BASE | {"scaler_cls": "StdMeanScaler"}).scaler_cls == "StdMeanScaler"


def test_defaults_are_those_of_published_files():
    config = TotoConfig.from_dict({k: v for k, v in BASE.items() if k != "spacewise_first"})
    assert config.spacewise_first
    assert config.stabilize_with_global
    assert config.scale_factor_exponent == 10.0


def test_the_reading_of_missing_values_is_written_only_where_it_is_not_the_published_one():
    assert "missing_values" not in TotoConfig.from_dict(BASE).to_dict()
    config = TotoConfig.from_dict(BASE | {"missing_values": "loc"})
    assert TotoConfig.from_dict(config.to_dict()) == config


def test_unknown_keys_are_kept():
    config = TotoConfig.from_dict(BASE | {"pre_xformers_checkpoint": True})
    assert config.extra == {"pre_xformers_checkpoint": True}
    assert config.to_dict()["pre_xformers_checkpoint"] is True


@pytest.mark.parametrize(
    ("every", "first", "expected"),
    [
        (12, False, [11]),
        (3, True, [0, 3, 6, 9]),
        (3, False, [2, 5, 8, 11]),
        (-1, True, []),
        (1, True, list(range(12))),
    ],
)
def test_one_layer_of_every_block_is_a_space_layer(every, first, expected):
    config = TotoConfig.from_dict(BASE | {"spacewise_every_n_layers": every, "spacewise_first": first})
    assert [i for i in range(12) if config.is_space_layer(i)] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_size": 0}, "patch_size must be from 1 to 65536, got 0"),
        ({"num_layers": -2}, "num_layers must be from 1 to 65536, got -2"),
        ({"embed_dim": 10**9}, "embed_dim must be from 1 to 65536, got 1000000000"),
        ({"embed_dim": 768.0}, "embed_dim must be a whole number, got 768.0"),
        ({"num_heads": True}, "num_heads must be a whole number, got True"),
        ({"stride": 48}, "stride must divide patch_size 64, got 48"),
        ({"num_heads": 7}, "num_heads must divide embed_dim 768, got 7"),
        ({"embed_dim": 36}, "must be even for rotary positions, got 36 / 12"),
        (
            {"spacewise_every_n_layers": 0},
            "spacewise_every_n_layers must be at least 1, or -1 for none, got 0",
        ),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": "a lot"}, "dropout must be a number, got 'a lot'"),
        ({"spacewise_first": 1}, "spacewise_first must be true or false, got 1"),
        ({"scale_factor_exponent": 400}, "scale_factor_exponent must be from 0 to 300, got 400"),
        ({"scale_factor_exponent": float("nan")}, "scale_factor_exponent must be from 0 to 300, got nan"),
        ({"output_distribution_kwargs": {"k_components": True}}, "from 1 to 65536, got True"),
        ({"missing_values": "mean"}, "missing_values must be one of zero, loc, got 'mean'"),
        ({"scaler_cls": "MinMaxScaler"}, "scaler_cls must be one of .* got 'MinMaxScaler'"),
        ({"scaler_cls": "<class 'os.system'>"}, "scaler_cls must be one of"),
        ({"scaler_cls": None}, "scaler_cls must be one of .* got None"),
        ({"output_distribution_classes": []}, "must hold one name, got 0"),
        ({"output_distribution_classes": ["NormalOutput"]}, "must be one of .* got 'NormalOutput'"),
        ({"output_distribution_kwargs": None}, 'must hold "k_components" from 1 to 65536, got None'),
        ({"output_distribution_kwargs": {"k_components": 0}}, "from 1 to 65536, got 0"),
    ],
)
def test_a_configuration_that_describes_no_model_is_an_error(changes, message):
    with pytest.raises(ConfigError, match=message):
        TotoConfig.from_dict(BASE | changes)


def test_missing_keys_are_named():
    with pytest.raises(ConfigError, match="the configuration lacks embed_dim, stride"):
        TotoConfig.from_dict({k: v for k, v in BASE.items() if k not in ("embed_dim", "stride")})


def test_a_model_can_be_made_from_the_published_arguments():
    small = BASE | {"embed_dim": 24, "num_layers": 2, "mlp_hidden_dim": 8, "patch_size": 4, "stride": 4}
    toto = Toto(**small, pre_xformers_checkpoint=False)
    assert toto.model_kwargs["embed_dim"] == 24
    assert toto.model.patch_embed.patch_size == 4
    assert toto.model.num_layers == 2

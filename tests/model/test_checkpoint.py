import copy
import io
import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from toto import CheckpointError, ConfigError, Toto
from toto.model import checkpoint


@pytest.fixture
def saved(tiny, tmp_path):
    """A folder with a tiny checkpoint in float64."""
    tiny.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def same(a: Toto, b: Toto) -> bool:
    left, right = dict(a.named_parameters()), dict(b.named_parameters())
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def test_save_then_load_changes_nothing(tiny, saved):
    loaded = Toto.from_pretrained(saved)
    assert same(loaded, tiny)
    assert loaded.config == tiny.config
    assert not loaded.training


def test_a_weights_file_loads_with_the_configuration_beside_it(tiny, saved):
    assert same(
        Toto.load_from_checkpoint(saved / "model.safetensors", map_location=torch.device("cpu")), tiny
    )


def test_keyword_and_positional_calls_of_published_code_work(tiny, saved):
    assert same(Toto.from_pretrained(pretrained_model_name_or_path=str(saved), map_location="cpu"), tiny)
    assert same(Toto.load_from_checkpoint(str(saved), "cpu", True), tiny)


def test_the_file_holds_the_published_names_and_layout(tiny, saved):
    weights = load_file(saved / "model.safetensors")
    heads, size = tiny.config.num_heads, tiny.config.head_dim
    ours = tiny.model.transformer.layers[1].attention.wQKV.weight
    published = weights["model.transformer.layers.1.attention.wQKV.weight"]
    for c, head, feature in [(0, 0, 0), (1, 2, 3), (2, 3, 7), (0, 1, 5)]:
        in_halves = feature % 2 * (size // 2) + feature // 2  # queries and keys: even features first
        ours_row = ours[(c * heads + head) * size + (feature if c == 2 else in_halves)]
        assert torch.equal(published[c * heads * size + feature * heads + head], ours_row)
    for name in ("norm1.scale", "mlp.0.weight", "mlp.2.bias", "attention.wO.bias"):
        assert f"model.transformer.layers.0.{name}" in weights
    assert weights["model.unembed.weight"].shape == (32 * 8, 32)
    assert weights["model.output_distribution.mixture_weights.bias"].shape == (3,)


def test_the_fused_spelling_of_the_mlp_and_stored_rotary_tables_are_accepted(tiny, saved):
    weights = load_file(saved / "model.safetensors")
    fused = {
        n.replace(".mlp.0.", ".mlp.0.w12.").replace(".mlp.2.", ".mlp.0.w3."): w for n, w in weights.items()
    }
    fused["model.transformer.layers.0.attention.rotary_emb.freqs"] = torch.zeros(4)
    save_file(fused, saved / "model.safetensors")
    assert same(Toto.from_pretrained(saved), tiny)


def test_half_precision_files_become_float32(tiny, tmp_path):
    tiny.float().save_pretrained(tmp_path, dtype=torch.bfloat16)
    assert load_file(tmp_path / "model.safetensors")["model.unembed.bias"].dtype is torch.bfloat16
    loaded = Toto.from_pretrained(tmp_path)
    assert loaded.model.unembed.bias.dtype is torch.float32
    assert torch.equal(loaded.model.unembed.bias, tiny.model.unembed.bias.bfloat16().float())


def test_label_vectors_in_the_file_switch_covariates_on(tiny, tmp_path):
    tiny.model.enable_variate_labels()
    tiny.double().save_pretrained(tmp_path)
    loaded = Toto.from_pretrained(tmp_path)
    assert loaded.model.num_prepended_tokens == 1
    assert same(loaded, tiny)


def test_enabling_labels_twice_keeps_them(tiny):
    tiny.model.enable_variate_labels()
    label = tiny.model.target_variate_label
    tiny.model.enable_variate_labels()
    assert tiny.model.target_variate_label is label


def test_models_can_be_copied_pickled_and_saved_by_torch(tiny):
    assert same(copy.deepcopy(tiny), tiny)
    assert same(pickle.loads(pickle.dumps(tiny)), tiny)
    buffer = io.BytesIO()
    torch.save(tiny, buffer)
    buffer.seek(0)
    assert same(torch.load(buffer, weights_only=False), tiny)


def test_a_state_dict_loads_back(tiny, make_tiny):
    other = make_tiny()
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    other.load_state_dict(tiny.state_dict())
    assert same(other, tiny)


def test_loading_draws_no_random_numbers(saved):
    state = torch.get_rng_state()
    Toto.from_pretrained(saved)
    assert torch.equal(torch.get_rng_state(), state)


def test_configuration_fields_can_be_overridden(saved):
    assert Toto.from_pretrained(saved, scale_factor_exponent=2.0).model.scaler.scale_factor_exponent == 2.0


def test_missing_and_unknown_weights_are_named(saved):
    weights = load_file(saved / "model.safetensors")
    weights["model.surprise"] = weights.pop("model.unembed.bias")
    weights["model.unembed.weight"] = weights["model.unembed.weight"][1:].clone()
    save_file(weights, saved / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        Toto.from_pretrained(saved)
    assert "1 weights missing: model.unembed.bias" in str(caught.value)
    assert "1 weights unknown: model.surprise" in str(caught.value)
    assert "of another shape: model.unembed.weight (255, 32) for (256, 32)" in str(caught.value)


def test_strict_false_keeps_what_fits_and_logs_the_rest(tiny, saved, caplog):
    weights = load_file(saved / "model.safetensors")
    weights["model.surprise"] = weights.pop("model.unembed.bias")
    save_file(weights, saved / "model.safetensors")
    loaded = Toto.from_pretrained(saved, strict=False)
    assert torch.equal(loaded.model.unembed.weight, tiny.model.unembed.weight.float())
    assert loaded.model.unembed.bias.isfinite().all()
    assert "model.surprise" in caplog.text
    assert "model.unembed.bias" in caplog.text


def test_a_truncated_or_foreign_file_is_an_error(saved):
    file = saved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"is damaged or not a safetensors file .* fetch it again"):
        Toto.from_pretrained(saved)
    file.write_bytes(b"PK\x03\x04 something else entirely")
    with pytest.raises(CheckpointError, match="is damaged or not a safetensors file"):
        Toto.from_pretrained(saved)


def test_pickled_checkpoints_are_refused(saved):
    torch.save({}, saved / "model.pt")
    with pytest.raises(CheckpointError, match="can run code, and are not read"):
        Toto.from_pretrained(saved / "model.pt")


def test_missing_parts_of_a_folder_are_named(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "weights_only").joinpath("config.json").unlink()
    with pytest.raises(CheckpointError, match=r"holds no config.json"):
        Toto.from_pretrained(tmp_path / "weights_only")
    (saved / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"holds no model.safetensors"):
        Toto.from_pretrained(saved)


def test_a_config_that_is_not_json_or_not_an_object_is_an_error(saved):
    (saved / "config.json").write_text("{patch_size: 8")
    with pytest.raises(CheckpointError, match=r"config.json is not valid JSON"):
        Toto.from_pretrained(saved)
    (saved / "config.json").write_text("[1, 2]")
    with pytest.raises(CheckpointError, match="must hold an object of settings, got list"):
        Toto.from_pretrained(saved)


def test_a_config_with_impossible_sizes_is_an_error(saved):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"num_heads": 5}))
    with pytest.raises(ConfigError, match="num_heads must divide embed_dim 32, got 5"):
        Toto.from_pretrained(saved)


def test_load_from_checkpoint_never_asks_the_hub():
    with pytest.raises(CheckpointError, match="no checkpoint at 'models/missing': give a folder"):
        Toto.load_from_checkpoint("models/missing")


def test_saving_over_the_folder_a_model_came_from_keeps_the_model(tiny, saved):
    loaded = Toto.from_pretrained(saved)
    loaded.save_pretrained(saved, dtype=torch.bfloat16)
    assert same(loaded, tiny)
    assert sorted(f.name for f in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_a_model_whose_backbone_was_compiled_is_saved_under_its_own_names(tiny, tmp_path):
    plain = copy.deepcopy(tiny)
    tiny.model = torch.compile(tiny.model, backend="eager")
    tiny.save_pretrained(tmp_path)
    assert same(Toto.from_pretrained(tmp_path, map_location="cpu:0"), plain)


def test_overrides_of_fields_that_are_not_there_are_errors(saved):
    with pytest.raises(ConfigError, match="the configuration has no scale_factor_exponant"):
        Toto.from_pretrained(saved, scale_factor_exponant=3)


def test_names_that_are_nothing_are_errors_that_list_what_there_is():
    with pytest.raises(CheckpointError, match=r"no checkpoint at './nowhere': .* bundled models: "):
        Toto.from_pretrained("./nowhere")
    with pytest.raises(CheckpointError, match="no checkpoint at 'toto-mega'"):
        Toto.from_pretrained("toto-mega")


def test_a_hub_id_that_is_not_in_the_local_cache_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match=r"a/b is not in the local cache .* use a bundled model"):
        Toto.from_pretrained("a/b", cache_dir=tmp_path, local_files_only=True)
    with pytest.raises(CheckpointError, match="a--b/c cannot be fetched from the hub"):
        Toto.from_pretrained("a--b/c", cache_dir=tmp_path, local_files_only=True)


def test_a_hub_id_in_the_local_cache_loads_offline(tiny, saved, tmp_path):
    """The cache layout of huggingface_hub, made by hand."""
    repo = tmp_path / "hub" / "models--owner--name"
    shutil.copytree(saved, repo / "snapshots" / "0123abc")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123abc")
    loaded = Toto.from_pretrained("owner/name", cache_dir=tmp_path / "hub", local_files_only=True)
    assert same(loaded, tiny)


def test_push_to_hub_uploads_a_loadable_folder(tiny, tmp_path, monkeypatch):
    import huggingface_hub

    class Api:
        """The two calls of the hub's client, with a folder in place of the hub."""

        def __init__(self, token):
            assert token == "secret"

        def create_repo(self, repo_id, private, exist_ok):
            assert exist_ok
            assert private is False
            return type("Repo", (), {"repo_id": repo_id})

        def upload_folder(self, repo_id, folder_path, commit_message):
            shutil.copytree(folder_path, tmp_path / repo_id)
            return type("Commit", (), {"commit_url": f"commit of {repo_id}: {commit_message}"})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert tiny.push_to_hub("me/mine", token="secret") == "commit of me/mine: Upload model"
    assert same(Toto.from_pretrained(tmp_path / "me/mine"), tiny)


def test_every_bundled_model_loads_and_is_small():
    assert "toto-nano" in checkpoint.bundled_models()
    for name, folder in checkpoint.bundled_models().items():
        assert (folder / "model.safetensors").stat().st_size <= 10 * 2**20
        assert Toto.from_pretrained(name).model.unembed.weight.isfinite().all()

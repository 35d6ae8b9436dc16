"""Checkpoints: where they are, what their files mean, and writing them.

A checkpoint is a folder with `config.json` and `model.safetensors`, or the shards that
`model.safetensors.index.json` names. It is data and is read as data: JSON and safetensors; of the
pickled files of fine-tuning with Lightning only tensors and plain values. This is the only file that
knows the Hugging Face hub.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from toto.errors import CheckpointError
from toto.model import lightning_checkpoint

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")  # in place of weights
BUNDLED = Path(__file__).parent.parent / "checkpoints"

_FUSED_MLP = ((".mlp.0.w12.", ".mlp.0."), (".mlp.0.w3.", ".mlp.2."))


def bundled_models() -> dict[str, Path]:
    """The models that come with the package: name -> folder."""
    return {f.parent.name: f.parent for f in sorted(BUNDLED.glob(f"*/{CONFIG_FILE}"))}


def locate(name_or_path: str | Path, **hub_options: Any) -> Path:
    """The folder of a checkpoint: a folder, a weights file in one, a bundled name, or a hub id.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    name, found = str(name_or_path), _on_disk(name_or_path)
    if found is not None:
        return found
    if re.fullmatch(r"\w[\w.-]*/[\w.-]+", name):
        return _download(name, **hub_options)
    raise CheckpointError(
        f"no checkpoint at {name!r}: give a folder, a .safetensors file, a hub id (owner/name), or one "
        f"of the bundled models: {', '.join(bundled_models()) or 'none'}"
    )


def locate_on_disk(name_or_path: str | Path) -> Path:
    """As `locate`, without the hub.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    found = _on_disk(name_or_path)
    if found is None:
        raise CheckpointError(
            f"no checkpoint at {str(name_or_path)!r}: give a folder or a .safetensors file; from_pretrained "
            "also takes hub ids"
        )
    return found


def _on_disk(name_or_path: str | Path) -> Path | None:
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        if path.suffix not in (".safetensors", lightning_checkpoint.SUFFIX):
            raise CheckpointError(
                f"{path} is neither a safetensors file nor a .ckpt file of fine-tuning; other pickled "
                "checkpoints (.pt, .bin) can run code, and are not read"
            )
        return path
    return bundled_models().get(str(name_or_path))


def read_config(path: Path) -> dict[str, Any]:
    """The content of the `config.json` of a checkpoint folder, or beside a weights file.

    A .ckpt file may carry its configuration itself.
    """
    if path.suffix == lightning_checkpoint.SUFFIX and path.is_file():
        carried = lightning_checkpoint.lightning_config(path)
        if carried is not None:
            return carried
        if not (path.parent / CONFIG_FILE).is_file():
            raise CheckpointError(
                f"{path} holds weights without the configuration of their model: load it with "
                "toto.scripts.finetune_toto.load_finetuned_toto(base_model, path), or put the config.json of "
                "the base model beside it"
            )
    return _read_object((path if path.is_dir() else path.parent) / CONFIG_FILE)


def generation(path: Path) -> int:
    """1 or 2: which kind of model the configuration of a checkpoint describes."""
    return 2 if "d_model" in read_config(path) else 1  # the first calls it embed_dim


def check_generation(path: Path, expected: int) -> None:
    """Raise unless a checkpoint is of the expected generation.

    Raises:
        CheckpointError: it is of the other one.
    """
    found = generation(path)
    if found != expected:
        loader = ("Toto", "Toto2Model")[found - 1]
        raise CheckpointError(
            f"{path} holds a model of generation {found}: load it with {loader}.from_pretrained, or with "
            "TotoPipeline.from_pretrained, which takes either"
        )


def read_weights(path: Path, map_location: str | torch.device) -> dict[str, Tensor]:
    """Name -> weight of a checkpoint, read once, straight to `map_location`.

    Names come in the plain spelling whatever spelling the file has, and half precision becomes
    float32; rotary tables that some files hold are left out.
    """
    device = torch.device(map_location)
    weights: dict[str, Tensor] = {}
    for file in _weights_files(path):
        if file.suffix == lightning_checkpoint.SUFFIX:
            weights |= lightning_checkpoint.lightning_weights(file, device)
            continue
        try:
            weights |= load_file(file, device="cpu" if device.type == "cpu" else str(device))
        except FileNotFoundError:
            raise CheckpointError(f"{file.parent} holds no {file.name}") from None
        except SafetensorError as error:
            raise CheckpointError(
                f"{file} is damaged or not a safetensors file ({error}): fetch it again"
            ) from error
    return {
        _plain_name(name): weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight
        for name, weight in weights.items()
        if not name.endswith("rotary_emb.freqs")
    }


def check_weights(path: Path, expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Raise unless names and shapes agree, both ways.

    Raises:
        CheckpointError: names missing, unknown, or of another shape.
    """
    missing = sorted(set(expected) - set(weights))
    unknown = sorted(set(weights) - set(expected))
    wrong = [
        f"{name} {tuple(weights[name].shape)} for {tuple(expected[name].shape)}"
        for name in sorted(set(expected) & set(weights))
        if weights[name].shape != expected[name].shape
    ]
    found = [("missing", missing), ("unknown", unknown), ("of another shape", wrong)]
    problems = [f"{len(names)} weights {what}: {_some(names)}" for what, names in found if names]
    if problems:
        raise CheckpointError(f"{path} does not fit its configuration; " + "; ".join(problems))


def write_checkpoint(folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Write `config.json` and `model.safetensors` to a folder, in place of shards that lay there."""
    write_files(folder, {CONFIG_FILE: config}, WEIGHTS_FILE, weights, stale=[INDEX_FILE])


def write_files(
    folder: Path,
    objects: Mapping[str, Mapping[str, Any]],
    tensors_file: str,
    tensors: Mapping[str, Tensor],
    stale: Sequence[str],
) -> None:
    """Write JSON files and one of tensors to a folder, which is made if it is absent, and drop stale files.

    Files get their names when all are complete: one that is being replaced may be mapped into memory as the
    weights of a loaded model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = {name: folder / f"{name}.unfinished" for name in (tensors_file, *objects)}
    try:
        for name, content in objects.items():
            unfinished[name].write_text(json.dumps(dict(content), indent=2) + "\n", encoding="utf-8")
            mode = unfinished[name].stat().st_mode
        save_file(
            {name: t.detach().cpu().contiguous() for name, t in tensors.items()}, unfinished[tensors_file]
        )
        unfinished[tensors_file].chmod(mode)  # safetensors gives its files to their owner alone
        for name, file in unfinished.items():
            file.replace(folder / name)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    finally:
        for file in unfinished.values():
            file.unlink(missing_ok=True)


def upload(folder: Path, repo_id: str, commit_message: str, **options: Any) -> str:
    """Upload a checkpoint folder to the hub, making the repository if need be; returns the commit URL."""
    from huggingface_hub import HfApi

    api = HfApi(token=options.pop("token", None))
    private = bool(options.pop("private", None))
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    done = api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=commit_message, **options)
    return str(done.commit_url)


def _download(repo_id: str, **options: Any) -> Path:
    """The folder in the local cache that holds the files of a hub repository."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        config = hf_hub_download(repo_id, CONFIG_FILE, **options)
        try:
            hf_hub_download(repo_id, WEIGHTS_FILE, **options)
        except EntryNotFoundError:
            try:
                names: Sequence[str] = ADAPTER_FILES
                hf_hub_download(repo_id, names[0], **options)
            except EntryNotFoundError:
                names = _shards(Path(hf_hub_download(repo_id, INDEX_FILE, **options)))
            for name in names:
                hf_hub_download(repo_id, name, **options)
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{repo_id} is not in the local cache and the hub cannot be reached: connect once, "
            f"give a folder, or use a bundled model: {', '.join(bundled_models())}"
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise CheckpointError(f"{repo_id} cannot be fetched from the hub: {error}") from error
    return Path(config).parent


def _weights_files(path: Path) -> list[Path]:
    """The files that hold the weights of a checkpoint, in any number of shards."""
    if not path.is_dir():
        return [path]
    index = path / INDEX_FILE
    return [path / name for name in _shards(index)] if index.is_file() else [path / WEIGHTS_FILE]


def _shards(index: Path) -> list[str]:
    """The names of the files in an index of shards, all of them beside it."""
    files = _read_object(index).get("weight_map")
    names = sorted({str(name) for name in files.values()}) if isinstance(files, dict) else []
    if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
        raise CheckpointError(f'{index} must hold "weight_map", from weights to .safetensors files beside it')
    return names


def _read_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file of a checkpoint."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{file.parent} holds no {file.name}: it is not a checkpoint folder") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} must hold an object of settings, got {type(content).__name__}")
    return content


def _plain_name(name: str) -> str:
    for fused, plain in _FUSED_MLP:
        name = name.replace(fused, plain)
    return name


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f", ... ({len(names) - most} more)" if len(names) > most else "")

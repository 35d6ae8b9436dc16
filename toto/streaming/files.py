"""Streams on disk: one safetensors file of their newest values, with everything else as JSON in its header.

Keys and values are not written: they follow from the values, in one pass, and are a hundred times as large.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from toto.errors import CheckpointError, InputError
from toto.streaming.clock import Clock
from toto.streaming.member import History, Member

_HEADER = "toto_streams"


def write_streams(path: Path, settings: Mapping[str, Any], members: Mapping[Any, Member]) -> None:
    """Write streams, over what is there; a file that is not complete never has the name.

    Raises:
        InputError: an id that JSON does not hold as it is, a folder that there is not, or one for the file.
    """
    for key in members:
        if not isinstance(key, (str, int, type(None))):
            raise InputError(f"ids of streams that are saved must be texts or whole numbers, got {key!r}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; create it first")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    header = dict(settings) | {"streams": [_to_json(key, member) for key, member in members.items()]}
    values = {
        str(place): torch.from_numpy(member.record.newest(member.record.keep))
        for place, member in enumerate(members.values())
    }
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        save_file(values, unfinished, {_HEADER: json.dumps(header)})
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_streams(path: Path) -> tuple[dict[str, Any], dict[Any, Member]]:
    """The settings and streams of a file.

    Raises:
        CheckpointError: no such file, or not one of streams.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file of streams")
    try:
        with safe_open(path, "pt") as file:
            settings = json.loads((file.metadata() or {})[_HEADER])
            streams = settings.pop("streams")
            values = [file.get_tensor(str(place)).numpy() for place in range(len(streams))]
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is damaged or no file of streams: save them again ({error})"
        ) from error
    members = {}
    for slot, (stream, newest) in enumerate(zip(streams, values, strict=True)):
        clock = None if stream["clock"] is None else Clock.from_json(stream["clock"])
        history = History(newest, torch.tensor(stream["group_ids"]), 0, clock)
        member = members[stream["id"]] = Member(stream["number"], slot, history, stream["keep"])
        member.record.length = stream["length"]
        member.start, member.anchored, member.encoded = stream["patches"]
    return settings, members


def _to_json(key: Any, member: Member) -> dict[str, Any]:
    return {
        "id": key,
        "number": member.number,
        "length": member.record.length,
        "keep": member.record.keep,
        "patches": [member.start, member.anchored, member.encoded],
        "group_ids": member.group_ids.tolist(),
        "clock": None if member.clock is None else member.clock.to_json(),
    }

"""docs/synthetic.md tells the truth about the catalogue."""

import re
from pathlib import Path

import pytest

from toto.training.synthetic import artefacts, distortion
from toto.training.synthetic.catalogue import FAMILIES, TRAINING_MIX
from toto.training.synthetic.multivariate import RELATIONS

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "synthetic.md").read_text(encoding="utf-8")


def test_the_documented_mixture_is_the_one_trained_on():
    rows = re.findall(r"^\| ([a-z ]+) \| (\.\d+) \| (.+) \|$", TEXT, flags=re.MULTILINE)
    assert {name: (float(share), why) for name, share, why in rows} == {
        name: (part.share, part.why) for name, part in TRAINING_MIX.items()
    }


def test_the_documented_relations_are_those_of_groups():
    row = r"^\| ([a-z ]+?)(?:: [a-z ]+| of a chain of queues)? \| (\.\d+) \|$"
    rows = re.findall(row, TEXT, flags=re.MULTILINE)
    assert {name: float(share) for name, share in rows} == {
        name: share for name, (_, share) in RELATIONS.items()
    }


@pytest.mark.parametrize("name", [*FAMILIES, "distortion", "artefacts", "relations", "training mix"])
def test_every_family_has_a_picture(name):
    path = f"images/synthetic_{name.replace(' ', '_')}.png"
    assert f"]({path})" in TEXT
    assert (DOCS / path).stat().st_size > 2000


def test_the_documented_shares_of_changes_are_true():
    for phrase, share in (
        (r"\((\d+) %, TSMixup\)", distortion.MIXED_SHARE),
        (r"warped time \((\d+) %\)", distortion.WARPED_SHARE),
        (r"envelope \((\d+) %\)", distortion.MODULATED_SHARE),
        (r"upside down \((\d+) %\)", distortion.TURNED_SHARE),
        (r"Limits \((\d+) %\)", artefacts.ARTEFACTS["clip"][1]),
        (r"outliers \((\d+) %\)", artefacts.ARTEFACTS["add outliers"][1]),
        (r"drop-outs \((\d+) %\)", artefacts.ARTEFACTS["drop out"][1]),
        (r"hangs \((\d+) %\)", artefacts.ARTEFACTS["hang"][1]),
        (r"coarse values \((\d+) %\)", artefacts.ARTEFACTS["quantise"][1]),
    ):
        assert int(re.search(phrase, TEXT).group(1)) == pytest.approx(100 * share), phrase

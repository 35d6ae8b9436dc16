"""Synthetic series to train on: a catalogue of generators and the batches drawn from it."""

from toto.training.synthetic.batch import SyntheticBatch, sample_batch
from toto.training.synthetic.catalogue import CATALOGUE, any_series
from toto.training.synthetic.stream import stream

__all__ = ["CATALOGUE", "SyntheticBatch", "any_series", "sample_batch", "stream"]

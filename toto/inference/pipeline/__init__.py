"""From data of any kind to forecasts: the pipeline, its inputs and its results."""

from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.pipeline.pipeline import TotoPipeline

__all__ = ["PipelineForecast", "TotoPipeline"]

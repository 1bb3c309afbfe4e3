"""The data sets of a suite, as far as its results depend on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet


@dataclass
class Known:
    """The data sets of a suite, as far as results depend on them."""

    made: dict[DataConfig, DataConfig] = field(default_factory=dict)
    """With the tree written out, where it comes from a file or is induced; by what the suite says."""
    fingerprints: dict[DataConfig, str] = field(default_factory=dict)
    levels: dict[str, list[str]] = field(default_factory=dict)
    """Names by fingerprint."""

    def add(self, given: DataConfig, made: DataConfig, data: DataSet) -> None:
        """Note a data set, read as `made`."""
        self.made[given] = made
        self.fingerprints[made] = data.fingerprint
        self.levels[data.fingerprint] = list(data.taxonomy.level_names)

    def on_made_tree(self, config: TrialConfig) -> TrialConfig:
        """The configuration with its tree written out."""
        return config.model_copy(update={"data": self.made[config.data]})

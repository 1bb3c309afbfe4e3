"""Charts as Vega-Lite specifications: plain mappings, in which names from data are values and never field names."""

"""An objective, an encoder and a data set for hmlc-ray."""

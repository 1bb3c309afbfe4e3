"""How a G-HMLC mask is made: descriptor of dimensions, mixture, assignment to levels, and when it is fitted again."""

"""The `hmlc` command. Each command is a module: it parses, calls one function of a layer below, and prints."""

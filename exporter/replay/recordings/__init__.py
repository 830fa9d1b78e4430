"""The recordings that ship with the package; `inferfleet demo` plays them."""

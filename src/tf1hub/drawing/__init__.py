"""A variant's graph as a picture: scopes as boxes, in layers, as SVG."""

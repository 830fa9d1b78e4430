"""A live server written down as a recording."""

"""The main job on real input, with nothing else needed: a replayed fleet under upgrade."""

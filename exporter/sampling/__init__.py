"""Watched servers: sampled on time, each with its newest reading and its GPUs."""

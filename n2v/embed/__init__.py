"""Rooms 04 and 05, nerf2vec: a NeRF's weights in, an embedding out, and a decoder that renders it again."""

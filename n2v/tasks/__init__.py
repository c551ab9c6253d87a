"""Rooms 06 to 09, what embeddings are good for: classification, interpolation, retrieval, generation."""

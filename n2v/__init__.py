"""n2v: fit one small NeRF per object, embed the NeRFs' weights, and work with the embeddings."""

__version__ = "0.2.0"

"""The fused CPU kernel: one training step of one NeRF without leaving the core's own cache. Optional, compiled once."""

"""Engines that fit NeRFs; all take and give the same flat weight vector."""

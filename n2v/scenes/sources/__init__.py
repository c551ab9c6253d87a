"""Pictures and meshes that others made, read as view sets: a `Layout` a way of keeping them, imported by `gather`."""

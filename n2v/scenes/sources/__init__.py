"""Pictures and meshes that others made, read as view sets: one file a layout, found and imported by `gather`."""

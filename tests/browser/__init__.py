"""A package, so that what its conftest starts ends with it: playwright's event loop would trouble other tests."""

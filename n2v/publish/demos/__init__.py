"""Things to move and to point at: pure functions, thin widgets on top, and pages that need no server."""

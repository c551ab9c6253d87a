"""Things to move and to point at: widgets for the lab, and pages that need no server."""

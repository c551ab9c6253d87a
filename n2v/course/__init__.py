"""Assignments from the notebooks: student copies, and their grading."""

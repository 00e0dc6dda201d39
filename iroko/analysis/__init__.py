"""Scores, tables and figures, from run folders and experiments alone."""

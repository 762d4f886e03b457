"""The page of an activation, or of several to compare: a record comes in, one self-contained HTML page or a text goes out."""

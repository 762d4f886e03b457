"""The telling: comparisons come in, sentences, tables and pictures as plain data go out."""

"""The table: a path or frame comes in, typed columns, a known target and one float64 matrix go out."""

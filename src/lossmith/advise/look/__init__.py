"""What the data look like: a table comes in, the kind of target with its evidence and its noise go out."""

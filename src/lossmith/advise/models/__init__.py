"""Models: a profile and encoded rows come in, the losses worth trying and what a model says under each go out."""

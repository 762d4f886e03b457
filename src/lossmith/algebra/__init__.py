"""New losses from old, and from costs: definitions or costs come in, definitions, rules and records go out."""

"""What a loss is: the graph, its text, its declaration."""

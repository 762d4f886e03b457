"""Say it: plain versioned records come in; text, pages and plots go out. Nothing here computes a result."""

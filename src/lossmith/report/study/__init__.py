"""The text and the page of a study."""

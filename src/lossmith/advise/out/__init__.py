"""What a study leaves behind: texts come in, a folder that works without Lossmith goes out."""

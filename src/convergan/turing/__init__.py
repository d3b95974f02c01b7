"""The visual Turing test: a web study of people, and its statistics (section 4 of the paper)."""

"""The words of the pages that people see: a file a language, and what reads it."""

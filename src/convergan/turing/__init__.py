"""The visual Turing test: people judge whether images are real or generated.

A study is a folder with a key and a database, or the address of one; see `study`. The package
imports nothing of the half that trains: the two meet in images.
"""

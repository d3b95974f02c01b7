"""What every other package may use; nothing here knows of networks or runs."""

"""A study and its database: images, people, trials and answers."""

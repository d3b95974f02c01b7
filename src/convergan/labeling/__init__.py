"""Labels for few-label classification: pages that ask for those that help most."""

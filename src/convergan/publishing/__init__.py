"""Models on the Hugging Face hub: what of a folder is pushed, its model card, push and pull."""

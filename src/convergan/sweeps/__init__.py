"""Many runs and one table: label counts, seeds, studies of recipes, and the paper beside."""

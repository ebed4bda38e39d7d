"""The golden image: its recipe, how it is built, named, verified and pruned."""

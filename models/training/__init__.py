"""Training runs of every architecture: recipes, run folders, Lightning's trainer and stages."""

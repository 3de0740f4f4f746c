"""Full-screen targets and the picture of their result."""

"""Training sets: cases with their volumes and scan paths, splits by patient, and the checks that refuse leaks."""

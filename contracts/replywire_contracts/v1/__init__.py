"""Version 1. Only optional fields are ever added here; anything else is a new version beside it."""

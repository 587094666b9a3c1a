"""From networks to p(z), point estimates, flags and their files."""

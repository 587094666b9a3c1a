"""From networks to p(z), point estimates and flags, and their files."""

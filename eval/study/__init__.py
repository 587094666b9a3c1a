"""The page of the published study: RESULTS.md and its figures."""

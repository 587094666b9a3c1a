"""What a stage would do, said before it trains."""

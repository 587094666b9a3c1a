"""What runs the shard tasks: this process, several local processes, or a cluster."""

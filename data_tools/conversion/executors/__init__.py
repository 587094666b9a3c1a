"""Who writes the shards: this process, processes of this machine, or a cluster."""

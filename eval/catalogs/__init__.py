"""The parts of eval.catalog: its request, the files it reads, its steps and what it writes."""

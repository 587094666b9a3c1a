"""How commands begin and end: their flags, --help, completion, and mistakes in one line."""

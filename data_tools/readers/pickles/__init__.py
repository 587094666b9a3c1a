"""Legacy pickles of arrays, read without running what they could contain."""

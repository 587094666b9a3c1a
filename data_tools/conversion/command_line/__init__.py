"""The parts of `data_tools.make_tfrecords`: its flags, the simulated input, the report."""

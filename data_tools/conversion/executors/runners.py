"""The runners of Apache Beam that can be named."""

DASK = "DaskRunner"
PORTABLE = "PortableRunner"

RUNNERS = ("DirectRunner", DASK, PORTABLE, "FlinkRunner", "SparkRunner", "DataflowRunner")

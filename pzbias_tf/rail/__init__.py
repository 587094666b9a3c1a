"""Stages of RAIL, the photo-z pipelines of LSST DESC: training, estimates, and Step 4 of any code.

They need the extra `rail` (pz-rail-base).  A pipeline of ceci finds them by
`modules: pzbias_tf.rail`; in Python, importing this package registers them.
"""

try:
  import rail.core  # noqa: F401
except ImportError as error:
  raise ImportError(
      f"the stages of RAIL need pz-rail-base ({error}); install it under Python 3.12 or 3.13 with "
      "pip install 'pzbias_tf[rail]'") from error

from pzbias_tf.rail.estimator_stage import PzbiasEstimator as PzbiasEstimator
from pzbias_tf.rail.informer_stage import PzbiasInformer as PzbiasInformer
from pzbias_tf.rail.step4_stage import PzbiasStep4 as PzbiasStep4
